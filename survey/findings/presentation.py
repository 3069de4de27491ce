"""The findings document as a page and a mail show it: chosen, sorted, put into words; nothing is computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from survey.charts.drawings import Range, TrendPoint
from survey.findings import wording

SHARES = {"top2", "share"}
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """One company-level measure in a table."""

    question: str
    name: str
    text: str
    score: str
    range: str
    answers: int | None
    chart: Range | None
    target: str
    verdict: str
    look: str
    silence: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """The answers to one question: counts per labelled point, or the words that stand for them."""

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    words: str

    @property
    def total(self) -> int:
        """All answers."""
        return sum(self.counts)

    @property
    def diverges(self) -> bool:
        """Whether it has a middle with two points on each side."""
        return len(self.counts) == 5


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One reporting group across the measures."""

    name: str
    invited: int
    cells: tuple[tuple[str, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over waves, with the table beside its drawing."""

    name: str
    points: tuple[TrendPoint, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    target: float | None


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything that a page or a mail needs, in order."""

    document: Document
    period: str
    headline: str
    lede: str
    notes: tuple[str, ...]
    tiles: tuple[Measure, ...]
    lost_time: Mapping[str, str] | None
    measures: tuple[Measure, ...]
    means: tuple[Measure, ...]
    strengths: tuple[Measure, ...]
    problems: tuple[Measure, ...]
    distributions: tuple[Distribution, ...]
    reach: tuple[float, float, float]
    columns: tuple[str, ...]
    groups: tuple[GroupRow, ...]
    merged: tuple[str, ...]
    trend: Trend | None

    @property
    def silent(self) -> int:
        """How many of the invited did not answer."""
        return int(self.document["invited"] - self.document["answered"])


def present(document: Document, earlier: Sequence[Document] = ()) -> Presentation:
    """The document of a wave as shown, with the earlier documents of the same survey for the trend, oldest first."""
    company = [measure for measure in document["measures"] if measure["group"] is None]
    questions = {question["id"]: question for question in document["questions"]}
    provider = document["provider"]
    rows = {id(m): _measure(m, questions, provider) for m in company}
    main = sorted((m for m in company if m["statistic"] != "mean"), key=_urgency)
    judged = [m for m in company if m["shown"] and m.get("verdict")]
    best, worst = wording.strengths_and_problems(judged)
    overall = [m for m in main if m["question"] == "OVR1"] or main[:1]
    distributions = tuple(_distribution(d, questions) for d in document["distributions"])
    columns, groups = _groups(document, questions)
    return Presentation(
        document=document,
        period=_period(document),
        headline=document["headline"],
        lede=_lede(document, judged, questions),
        notes=_notes(document),
        tiles=tuple(rows[id(m)] for m in overall),
        lost_time=_lost_time(document),
        measures=tuple(rows[id(m)] for m in main),
        means=tuple(rows[id(m)] for m in company if m["statistic"] == "mean"),
        strengths=tuple(rows[id(m)] for m in best),
        problems=tuple(rows[id(m)] for m in worst),
        distributions=distributions,
        reach=_reach(distributions),
        columns=columns,
        groups=groups,
        merged=tuple(
            f"{wording.joined(g['members'])} were counted together, so that nobody can be worked out."
            for g in document["groups"]
            if g["shown"] and len(g["members"]) > 1 and g["name"] not in {m for h in document["groups"] for m in h.get("members", ())}
        ),
        trend=_trend([*earlier, document], overall[0]["question"] if overall else ""),
    )


def named_date(text: str) -> str:
    """A date as a person writes it.

    >>> named_date("2027-01-12")
    '12 January 2027'
    """
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def _period(document: Document) -> str:
    return f"{date.fromisoformat(document['wave']['opened']):%B %Y}"


def _urgency(measure: Mapping[str, Any]) -> tuple[int, float]:
    """Furthest below its target first; without a target after those with; hidden ones last."""
    if not measure["shown"]:
        return 2, 0.0
    if measure.get("target") is None:
        return 1, float(measure["estimate"])
    return 0, float(measure["estimate"] - measure["target"])


def _measure(measure: Mapping[str, Any], questions: Mapping[str, Any], provider: str) -> Measure:
    question = questions[measure["question"]]
    verdict = measure.get("verdict") or ""
    target = measure.get("target")
    return Measure(
        question=measure["question"],
        name=question["name"],
        text=question["text"].replace("{provider}", provider),
        score=wording.score(measure),
        range=wording.score_range(measure),
        answers=measure.get("answers"),
        chart=_chart(measure, question),
        target=f"{wording.rounded(target * 100)}%" if target else "",
        verdict=wording.VERDICTS.get(verdict, ""),
        look=wording.LOOKS.get(verdict, ""),
        silence=wording.silence(measure) if target and measure["shown"] else "",
    )


def _chart(measure: Mapping[str, Any], question: Mapping[str, Any]) -> Range | None:
    """The measure on 0 to 100, whatever its own unit."""
    if not measure["shown"]:
        return None
    ends = {"mean": (question["codes"][0], question["codes"][-1]), "nps": (-100, 100)}.get(measure["statistic"], (0, 1))

    def place(value: float) -> float:
        return 100 * (value - ends[0]) / (ends[1] - ends[0])

    target = measure.get("target")
    return Range(place(measure["estimate"]), place(measure["low"]), place(measure["high"]), place(target) if target else None)


def _lede(document: Document, judged: Sequence[Mapping[str, Any]], questions: Mapping[str, Any]) -> str:
    misses = [questions[m["question"]]["name"] for m in judged if m["verdict"] == "misses"]
    first = f"Below target: {wording.joined(misses, keep_order=True)}. " if misses else ""
    invited, answered = document["invited"], document["answered"]
    whom = " Every score is of those who answered." if wording.of_whom(document) else ""
    return (
        f"{first}{answered} of {invited} people answered ({wording.rate(document)}).{whom} A range says what all {invited} would very "
        "likely have said (95%), if silence is unrelated to satisfaction."
    )


def _notes(document: Document) -> tuple[str, ...]:
    wave, notes = document["wave"], []
    if wave["imported"]:
        notes.append("Imported from another tool: Candour cannot vouch for how these answers were collected.")
    if wave["closed_early"]:
        notes.append(f"Closed early: {wave['closed_early']}. This wave does not count for the ladder.")
    if wave["baseline"]:
        notes.append("Baseline wave: it helps to set targets and carries no consequence.")
    if document["unreadable"]:
        one = document["unreadable"] == 1
        notes.append(f"{document['unreadable']} answer{' ' if one else 's '}could not be read.")
    return tuple(notes)


def _lost_time(document: Document) -> Mapping[str, str] | None:
    found = document["lost_time"]
    if not found or not found["share_over_2h"]["shown"]:
        return None
    share = found["share_over_2h"] | {"statistic": "share"}
    hours = found["hours_per_week"]
    return {
        "share": wording.score(share),
        "range": wording.score_range(share),
        "answers": str(share["answers"]),
        "hours": f"{wording.rounded(hours['low'], 1)} to {wording.rounded(hours['high'], 1)}" if hours["shown"] else "",
    }


def _distribution(found: Mapping[str, Any], questions: Mapping[str, Any]) -> Distribution:
    question = questions[found["question"]]
    return Distribution(question["name"], tuple(question["labels"]), tuple(found.get("counts", ())), found.get("words", ""))


def _reach(distributions: Sequence[Distribution]) -> tuple[float, float, float]:
    """The largest share left, right and in the middle, so that all rows are drawn on one scale."""
    shown = [[100 * count / d.total for count in d.counts] for d in distributions if d.diverges and d.total]
    left = max((s[0] + s[1] for s in shown), default=1.0)
    right = max((s[3] + s[4] for s in shown), default=1.0)
    return left, right, max((s[2] for s in shown), default=1.0)


def _groups(document: Document, questions: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[GroupRow, ...]]:
    cells = [m for m in document["measures"] if m["group"] is not None and m["statistic"] in SHARES]
    ids = list(dict.fromkeys(m["question"] for m in cells))
    found = {(m["group"], m["question"]): m for m in cells}
    rows = []
    for group in document["groups"]:
        if group["shown"] and ids:
            row = [found[group["name"], name] for name in ids]
            rows.append(
                GroupRow(group["name"], group["invited"], tuple((wording.score(m), wording.score_range(m), m.get("answers")) for m in row))
            )
    return tuple(questions[name]["name"] for name in ids), tuple(rows)


def _trend(documents: Sequence[Document], question: str) -> Trend | None:
    """One measure over the waves with its comparison ranges; a new revision starts a new line."""
    points, rows = [], []
    name, target, revision = "", None, None
    for document in documents:
        asked = next((q for q in document["questions"] if q["id"] == question), None)
        found = next((m for m in document["measures"] if m["question"] == question and m["group"] is None and m["statistic"] != "mean"), None)
        label = f"{date.fromisoformat(document['wave']['opened']):%b %y}"
        if not asked or not found or not found["shown"] or found["statistic"] not in SHARES:
            points.append(TrendPoint(label, None))
            continue
        process = found["process"]
        broken = revision is not None and asked["revision"] != revision
        name, target, revision = asked["name"], found.get("target"), asked["revision"]
        shown = Range(100 * process["estimate"], 100 * process["low"], 100 * process["high"])
        points.append(TrendPoint(label, shown, document["wave"]["imported"], broken))
        printed = f"{wording.rounded(shown.estimate)}%"
        rows.append((label + (" (imported)" if document["wave"]["imported"] else ""), printed, wording.between(shown.low, shown.high), str(found["answers"])))
    if len(rows) < 2:
        return None
    return Trend(name, tuple(points), tuple(rows), 100 * target if target else None)

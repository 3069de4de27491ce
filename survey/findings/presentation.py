"""The findings document as a page and a mail show it: chosen, sorted, put into words; nothing is computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Any

from survey.charts.drawings import Range, TrendPoint
from survey.findings import wording
from survey.findings.wording import named_date
from survey.waves.rules import named_period

__all__ = ["Presentation", "named_date", "present"]

SHARES = {"top2", "share"}
MISSING_WAVE = 1.5  # times the usual distance between two waves
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """One company-level measure in a table; `score` holds words where nothing may be shown."""

    question: str
    name: str
    score: str
    range: str
    answers: int | None
    chart: Range | None
    scale: str
    target: str
    verdict: str
    look: str
    silence: str

    @property
    def printed(self) -> str:
        """Score and range: `37% (27 to 49)`."""
        return f"{self.score} ({self.range})" if self.range else self.score

    @property
    def judged(self) -> str:
        """The verdict with its target: `Misses target of 60%`."""
        return f"{self.verdict} {'at' if self.look == 'open' else 'of'} {self.target}" if self.verdict else ""


@dataclass(frozen=True, slots=True)
class Change:
    """A measure against the last comparable wave, which is named."""

    name: str
    since: str
    score: str
    range: str
    words: str
    look: str
    detectable: str


@dataclass(frozen=True, slots=True)
class LostTime:
    """The share who lost over two hours, and the lowest and highest mean that the brackets allow."""

    score: str
    range: str
    answers: int
    hours: str


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two strengths and two problems, with what must be said where none meets or none misses."""

    strengths: tuple[Measure, ...]
    problems: tuple[Measure, ...]
    of_strengths: str
    of_problems: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """The answers to one question: counts per labelled point, or the words that stand for them."""

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    words: str
    diverges: bool

    @property
    def sides(self) -> tuple[int, int, int]:
        """Negative, middle and positive answers of five."""
        return self.counts[0] + self.counts[1], self.counts[2], self.counts[3] + self.counts[4]

    @property
    def bars(self) -> tuple[tuple[str, int, float], ...]:
        """Each point's label, count and share from 0 to 100."""
        total = sum(self.counts) or 1
        return tuple((label, count, 100 * count / total) for label, count in zip(self.labels, self.counts, strict=True))


@dataclass(frozen=True, slots=True)
class GroupCell:
    """One group on one measure; `answers` is None and `score` holds words where the cell is hidden."""

    score: str
    range: str
    answers: int | None
    look: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One reporting group across the measures."""

    name: str
    invited: int
    cells: tuple[GroupCell, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over waves: its drawing, and the table beside it as (wave, score, comparison range, answers)."""

    name: str
    points: tuple[TrendPoint, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    target: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything that a page or a mail needs, in order."""

    document: Document
    period: str
    headline: str
    outcome: str
    changed: str
    lede: str
    whom: str
    notes: tuple[str, ...]
    overall: Measure | None
    change: Change | None
    lost_time: LostTime | None
    measures: tuple[Measure, ...]
    own_scales: tuple[Measure, ...]
    contrast: Contrast
    distributions: tuple[Distribution, ...]
    reach: tuple[float, float, float]
    columns: tuple[str, ...]
    groups: tuple[GroupRow, ...]
    merged: tuple[str, ...]
    trend: Trend | None
    is_first: bool

    @property
    def silent(self) -> int:
        """How many of the invited did not answer."""
        return int(self.document["invited"] - self.document["answered"])


def present(document: Document, earlier: Sequence[Document] = ()) -> Presentation:
    """The document of a wave as shown, with the earlier documents of the same survey for the trend, oldest first."""
    company = [measure for measure in document["measures"] if measure["group"] is None]
    questions = {question["id"]: question for question in document["questions"]}
    shares = sorted((m for m in company if m["statistic"] in SHARES), key=_urgency)
    judged = [m for m in shares if m.get("verdict")]
    verdicts = [m["verdict"] for m in judged]
    overall = next((m for m in company if m["question"] == "OVR1" and m["statistic"] in SHARES), None)
    followed = overall or next((m for m in company if m["statistic"] in SHARES), None)
    distributions = tuple(_distribution(found, questions[found["question"]]) for found in document["distributions"])
    columns, groups = _groups(document, questions)
    since = {known["wave"]["slug"]: f"the wave of {date.fromisoformat(known['wave']['opened']):%B %Y}" for known in earlier}
    return Presentation(
        document=document,
        period=named_period(document["wave"]["period"], date.fromisoformat(document["wave"]["opened"])),
        headline=document["headline"],
        outcome=wording.outcome(verdicts, document["answered"], document["invited"]),
        changed=_changed(company, questions, since),
        lede=_lede(document, [questions[m["question"]]["name"] for m in judged if m["verdict"] == "misses"]),
        whom=wording.of_whom(document),
        notes=_notes(document),
        overall=_measure(followed, questions) if followed else None,
        change=_change(followed, questions, since) if followed else None,
        lost_time=_lost_time(document),
        measures=tuple(_measure(m, questions) for m in shares),
        own_scales=tuple(_measure(m, questions) for m in company if m["statistic"] not in SHARES),
        contrast=_contrast(judged, [m for m in shares if m["shown"]], questions),
        distributions=distributions,
        reach=_reach(distributions),
        columns=columns,
        groups=groups,
        merged=tuple(_merged(group["members"]) for group in document["groups"] if group["shown"] and len(group["members"]) > 1),
        trend=_trend([*earlier, document], followed["question"]) if followed else None,
        is_first=not earlier and not document["wave"]["imported"],
    )


def _urgency(measure: Mapping[str, Any]) -> tuple[int, float]:
    """Furthest below its target first; without a target after those with; hidden ones last."""
    if not measure["shown"]:
        return 2, 0.0
    if measure.get("target") is None:
        return 1, float(measure["estimate"])
    return 0, float(measure["estimate"] - measure["target"])


def _measure(measure: Mapping[str, Any], questions: Mapping[str, Any]) -> Measure:
    question = questions[measure["question"]]
    verdict, target = measure.get("verdict", ""), measure.get("target")
    low, high = _scale(measure["statistic"], question)
    return Measure(
        question=measure["question"],
        name=question["name"],
        score=wording.score(measure),
        range=wording.score_range(measure),
        answers=measure.get("answers"),
        chart=_chart(measure, low, high) if measure["shown"] else None,
        scale=f"{wording.rounded(low)} to {wording.rounded(high)}",
        target=wording.percent(target) if target is not None else "",
        verdict=wording.VERDICTS.get(verdict, ""),
        look=wording.LOOKS.get(verdict, ""),
        silence=wording.silence(measure) if target is not None and measure["shown"] else "",
    )


def _scale(statistic: str, question: Mapping[str, Any]) -> tuple[float, float]:
    """The ends of a statistic's whole scale, in its own unit."""
    if statistic == "mean":
        return question["codes"][0], question["codes"][-1]
    return (-100, 100) if statistic == "nps" else (0, 1)


def _chart(measure: Mapping[str, Any], lowest: float, highest: float) -> Range:
    """The measure on 0 to 100, whatever its own unit."""

    def place(value: float) -> float:
        return min(100.0, max(0.0, 100 * (value - lowest) / (highest - lowest)))

    target = measure.get("target")
    return Range(place(measure["estimate"]), place(measure["low"]), place(measure["high"]), None if target is None else place(target))


def _is_clear(difference: Mapping[str, Any]) -> bool:
    return not difference["verdict"].startswith("no clear")


def _change(measure: Mapping[str, Any], questions: Mapping[str, Any], since: Mapping[str, str]) -> Change | None:
    found = measure.get("change")
    if not found:
        return None
    factor = wording.unit(measure["statistic"])[0]
    low, high = found["low"] * factor, found["high"] * factor
    clear = _is_clear(found)
    return Change(
        name=questions[measure["question"]]["name"],
        since=since.get(found["since"], found["since"]),
        score=wording.signed(found["estimate"] * factor),
        range=wording.signed_between(low, high),
        words=f"Clearly {'up' if found['estimate'] > 0 else 'down'}" if clear else "No clear change",
        look=("meets" if found["estimate"] > 0 else "misses") if clear else "open",
        detectable="" if clear else wording.would_have_shown(low, high),
    )


def _changed(company: Sequence[Mapping[str, Any]], questions: Mapping[str, Any], since: Mapping[str, str]) -> str:
    """The second sentence of the headline: what clearly changed, and since when."""
    moved = [m for m in company if m.get("change") and _is_clear(m["change"])]
    up, down = ([questions[m["question"]]["name"] for m in moved if (m["change"]["estimate"] > 0) is way] for way in (True, False))
    wave = moved[0]["change"]["since"] if moved else ""
    return wording.clear_changes(up, down, since.get(wave, wave))


def _lede(document: Document, below: Sequence[str]) -> str:
    first = f"Below target: {wording.joined(below)}. " if below else ""
    invited, answered = document["invited"], document["answered"]
    whom = f" Every score is {wording.of_whom(document)}." if wording.of_whom(document) else ""
    what = "Everyone answered, so a score has no range." if answered == invited else f"A range says what all {invited} would very"
    rest = "" if answered == invited else " likely have said (95%), if silence is unrelated to satisfaction."
    return f"{first}{answered} of {invited} people answered ({wording.rate(document)}).{whom} {what}{rest}"


def _notes(document: Document) -> tuple[str, ...]:
    wave, notes = document["wave"], []
    if wave["imported"]:
        notes.append("Imported from another tool: Candour cannot vouch for how these answers were collected.")
    if wave["closed_early"]:
        notes.append(f"Closed early: {wave['closed_early']}. This wave does not count for the ladder.")
    if wave["baseline"]:
        notes.append("Baseline wave: it helps to set targets and carries no consequence.")
    if document["unreadable"]:
        notes.append(f"{document['unreadable']} answer{'s' if document['unreadable'] > 1 else ''} could not be read.")
    return tuple(notes)


def _lost_time(document: Document) -> LostTime | None:
    found = document["lost_time"]
    if not found or not found["share_over_2h"]["shown"]:
        return None
    share, hours = found["share_over_2h"] | {"statistic": "share"}, found["hours_per_week"]
    between = wording.between(hours["low"], hours["high"], digits=1) if hours["shown"] else ""
    return LostTime(wording.score(share), wording.score_range(share), share["answers"], between)


def _contrast(judged: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]], questions: Mapping[str, Any]) -> Contrast:
    """By verdict where two or more are judged, else by score alone."""
    verdicts = {m["verdict"] for m in judged}
    best, worst = wording.strengths_and_problems(judged if len(judged) > 1 else shown)
    of_strengths = of_problems = ""
    if len(judged) < 2:
        of_strengths, of_problems = "No targets are set; these score highest.", "No targets are set; these score lowest."
    else:
        of_strengths = "" if "meets" in verdicts else "Nothing clearly meets its target; these come closest."
        of_problems = "" if "misses" in verdicts else "Nothing clearly misses its target; these have the least to spare."
    return Contrast(tuple(_measure(m, questions) for m in best), tuple(_measure(m, questions) for m in worst), of_strengths, of_problems)


def _distribution(found: Mapping[str, Any], question: Mapping[str, Any]) -> Distribution:
    counts = tuple(found.get("counts", ()))
    five = question["kind"] == "ordinal" and len(question["codes"]) == 5
    return Distribution(question["name"], tuple(question["labels"]), counts, found.get("words", ""), diverges=five)


def _reach(distributions: Sequence[Distribution]) -> tuple[float, float, float]:
    """The largest share left, right and in the middle, so that all rows are drawn on one scale."""
    shares = [[100 * side / sum(d.counts) for side in d.sides] for d in distributions if d.diverges and d.counts]
    left, centre, right = (max((share[side] for share in shares), default=1.0) for side in range(3))
    return left, right, centre


def _groups(document: Document, questions: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[GroupRow, ...]]:
    cells = [m for m in document["measures"] if m["group"] is not None and m["statistic"] in SHARES]
    asked = list(dict.fromkeys(m["question"] for m in cells))
    found = {(m["group"], m["question"]): _group_cell(m) for m in cells}
    rows = tuple(
        GroupRow(group["name"], group["invited"], tuple(found[group["name"], question] for question in asked))
        for group in document["groups"]
        if group["shown"] and asked
    )
    return tuple(questions[question]["name"] for question in asked), rows


def _group_cell(measure: Mapping[str, Any]) -> GroupCell:
    against = measure.get("against_rest")
    look = ("higher" if against["estimate"] > 0 else "lower") if against and _is_clear(against) else ""
    return GroupCell(wording.score(measure), wording.score_range(measure), measure.get("answers"), look)


def _merged(members: Sequence[str]) -> str:
    return f"{wording.joined(members)} were counted together, so that nobody can be worked out."


def _trend(documents: Sequence[Document], question: str) -> Trend | None:
    """One measure over the waves with its comparison ranges; another wording or a missing wave starts a new line."""
    days = [date.fromisoformat(document["wave"]["opened"]) for document in documents]
    distances = [(later - sooner).days for sooner, later in pairwise(days)]
    usual = median(distances) if distances else 0
    points, rows = [], []
    revisions: list[int] = []
    for place, (document, day) in enumerate(zip(documents, days, strict=True)):
        asked = next((q for q in document["questions"] if q["id"] == question), None)
        found = next((m for m in document["measures"] if _is_followed(m, question)), None)
        imported = document["wave"]["imported"]
        reworded = bool(asked and revisions and revisions[-1] != asked["revision"])
        revisions += [asked["revision"]] if asked else []
        broken = reworded or bool(place and distances[place - 1] > MISSING_WAVE * usual)
        marks = [mark for mark, holds in (("imported", imported), ("another wording", reworded)) if holds]
        label = f"{day:%b %y}"
        points.append(TrendPoint(label, day.toordinal(), _process(found), imported, broken))
        rows.append((f"{label} ({', '.join(marks)})" if marks else label, *_trend_row(found)))
    if sum(point.score is not None for point in points) < 2:
        return None
    newest = next(m for m in documents[-1]["measures"] if _is_followed(m, question))
    target, name = newest.get("target"), next(q["name"] for q in documents[-1]["questions"] if q["id"] == question)
    notes = []
    if len(set(revisions)) > 1:
        notes.append("The line is broken where the wording changed.")
    if any(point.imported for point in points):
        notes.append("Hollow points: imported from another tool.")
    return Trend(name, tuple(points), tuple(rows), None if target is None else 100 * target, tuple(notes))


def _is_followed(measure: Mapping[str, Any], question: str) -> bool:
    return bool(measure["question"] == question and measure["group"] is None and measure["statistic"] in SHARES)


def _process(measure: Mapping[str, Any] | None) -> Range | None:
    if not measure or not measure["shown"]:
        return None
    process = measure["process"]
    return Range(100 * process["estimate"], 100 * process["low"], 100 * process["high"])


def _trend_row(measure: Mapping[str, Any] | None) -> tuple[str, str, str]:
    shown = _process(measure)
    if not measure or not shown:
        return (measure["words"] if measure else "Not asked", "", "")
    return f"{wording.rounded(shown.estimate)}%", wording.between(shown.low, shown.high), str(measure["answers"])

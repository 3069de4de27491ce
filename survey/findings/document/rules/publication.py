"""The audit of a findings document: what it publishes as linear facts, and whether anything that is not shown follows from them.

It sees what a reader sees: this document and the earlier ones of the same survey, never the answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from survey import statistics as st
from survey.findings.document.rules.evidence import Withholding
from survey.findings.words.rules.wording import TOO_WIDE
from survey.statistics.differencing import Fact, Space
from survey.waves.rules.waves import CONFIDENCE

RESPONSES = "responses"
_CLOSE = 1e-9
_WORDS_ONLY = {"question", "statistic", "group", "shown", "words"}
_DETAILED = {"mean", "nps"}
_JUDGED = {
    "target",
    "minimum",
    "stretch",
    "verdict",
    "break_even",
    "change",
    "against_rest",
    "status",
}

Document = Mapping[str, Any]
Measure = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that follows from what is published and is not shown; `across` where an earlier wave's document is needed for it."""

    question: str
    words: str
    across: bool = False


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """One kind of figure of one question: from how many answers it is shown, those of a distribution, the company's and the groups'."""

    question: str
    statistic: str
    minimum: int
    distributed: int
    company: Measure | None
    groups: Mapping[str, Measure]

    @property
    def shown(self) -> dict[str, Measure]:
        """The groups with a number."""
        return {name: measure for name, measure in self.groups.items() if measure["shown"]}

    @property
    def facts(self) -> list[Fact]:
        """Sums of numbers of answers."""
        found = [Fact.total([name], measure["answers"]) for name, measure in self.shown.items()]
        for name, measure in self.groups.items():
            against = measure.get("against_rest", {})
            if against.get("shown"):
                one, rest = against["answers"]
                found += [Fact.total([name], one), Fact.total(self.groups.keys() - {name}, rest)]
        if self.groups and self.company and self.company["shown"]:
            found.append(Fact.total(self.groups, self.company["answers"]))
        if self.groups and self.distributed:
            found.append(Fact.total(self.groups, self.distributed))
        return found


def publication_faults(
    document: Document, earlier: Sequence[Document] = (), *, with_groups: bool = True
) -> tuple[str, ...]:
    """Why a document may not be published beside the earlier ones of its survey; empty where it may."""
    return tuple(
        dict.fromkeys(leak.words for leak in find_leaks(document, earlier, with_groups=with_groups))
    )


def find_leaks(
    document: Document, earlier: Sequence[Document] = (), *, with_groups: bool = True
) -> list[Leak]:
    """All that follows from the document and may not; without groups only what its company figures tell."""
    tables = published_tables(document)
    found = [
        *_company_alone(tables),
        *_across(document, earlier),
        *_of_a_third(document),
        *_of_a_quarter(document, earlier),
    ]
    if not with_groups:
        return found
    found += _groups(document)
    for table in tables:
        found += [*_numbers(table), *_differences(table, tables), *_bands(table), *_weights(table)]
    return found


def hide_further(withheld: Withholding, found: Sequence[Leak]) -> Withholding:
    """One more group hidden on each question that leaks, or the question left out of comparisons with earlier waves."""
    questions = {leak.question for leak in found if not leak.across}
    further = dict(withheld.further) | {
        question: withheld.further.get(question, 0) + 1 for question in questions
    }
    return Withholding(further, withheld.apart | {leak.question for leak in found if leak.across})


def published_tables(document: Document) -> list[PublishedTable]:
    """A document's measures by question and kind of figure."""
    distributions = {
        found["question"]: sum(found["counts"])
        for found in document["distributions"]
        if found["shown"]
    }
    tables: dict[tuple[str, str], dict[str | None, Measure]] = {}
    for measure in document["measures"]:
        tables.setdefault((measure["question"], measure["statistic"]), {})[measure["group"]] = (
            measure
        )
    return [
        PublishedTable(
            question,
            statistic,
            document["minimum_detail" if statistic in _DETAILED else "minimum_group"],
            distributions.get(question, 0) if statistic in _DETAILED else 0,
            table.get(None),
            {group: measure for group, measure in table.items() if group is not None},
        )
        for (question, statistic), table in tables.items()
    ]


def _company_alone(tables: Sequence[PublishedTable]) -> Iterator[Leak]:
    for table in tables:
        if table.company and table.company["shown"] and table.company["answers"] < table.minimum:
            yield Leak(
                table.question,
                f"{table.question}: {table.statistic} is shown for fewer than {table.minimum}"
                " answers.",
            )


def _groups(document: Document) -> Iterator[Leak]:
    """Responses by group: each of those shown, and all."""
    shown = {group["name"]: group["answered"] for group in document["groups"] if group["shown"]}
    few = [name for name, answered in shown.items() if answered < document["minimum_group"]]
    if few:
        yield Leak(
            RESPONSES,
            f"Fewer than {document['minimum_group']} people answered in {', '.join(sorted(few))}.",
        )
    if any(group["answered"] is not None for group in document["groups"] if not group["shown"]):
        yield Leak(RESPONSES, "A group that was counted with another holds a number of its own.")


def _numbers(table: PublishedTable) -> Iterator[Leak]:
    """A cell that is not shown holds words, and nothing else."""
    cells = [*table.groups.values(), *([table.company] if table.company else [])]
    if any(not cell["shown"] and cell.keys() - _WORDS_ONLY for cell in cells):
        yield Leak(table.question, f"{table.question}: a hidden cell holds a number.")


def _differences(table: PublishedTable, tables: Sequence[PublishedTable]) -> Iterator[Leak]:
    """Unions of groups below the minimum whose number of answers follows by adding and subtracting.

    A mean follows from means alone; a share also from what the other figures of its question say about who answered.
    """
    same = (
        [table]
        if table.statistic in _DETAILED
        else [other for other in tables if other.question == table.question]
    )
    for union in Space([fact for other in same for fact in other.facts]).below(table.minimum):
        names = ", ".join(sorted(union.cells))
        yield Leak(
            table.question,
            f"{table.question}: {table.statistic} of {names} follows from the rest, with fewer than"
            f" {table.minimum} answers.",
        )


def _bands(table: PublishedTable) -> Iterator[Leak]:
    """A number that words stand for must not follow from the company's and the other groups'."""
    banded = {
        name for name, cell in table.groups.items() if not cell["shown"] and _is_band(cell["words"])
    }
    space = Space(table.facts)
    for names in [*({name} for name in banded), *([banded] if len(banded) > 1 else [])]:
        if space.value(names) is not None:
            yield Leak(
                table.question,
                f"{table.question}: what is said in words of {', '.join(sorted(names))} follows as"
                " a number.",
            )


def _weights(table: PublishedTable) -> Iterator[Leak]:
    """The company's value must be that of the shown groups and all others as one, or it tells those others apart.

    Groups too few to say would need a number to be weighed by; where there are any, the value is not computed again.
    """
    company = table.company
    if not (table.groups and company and company["shown"]) or any(
        cell.get("words") == TOO_WIDE for cell in table.groups.values()
    ):
        return
    strata = [_numbers_of(cell) for cell in table.shown.values()]
    people, answers, total = (
        whole - sum(stratum[at] for stratum in strata)
        for at, whole in enumerate(_numbers_of(company))
    )
    if answers:
        strata.append((people, answers, total))
    if not _explains(table, company, strata):
        words = (
            f"{table.question}: the company's {table.statistic} is weighed by more than the groups"
            " shown and all others as one."
        )
        yield Leak(table.question, words)


def _explains(
    table: PublishedTable, company: Measure, strata: Sequence[tuple[int, int, int]]
) -> bool:
    if any(people < answers or answers < 1 for people, answers, _ in strata):
        return False
    people = sum(stratum[0] for stratum in strata)
    expected = {
        "estimate": sum(n / people * total / answers for n, answers, total in strata),
        "effective_answers": 1 / sum((n / people) ** 2 / answers for n, answers, _ in strata),
    }
    if table.statistic not in _DETAILED and len(strata) > 1:
        cells = [st.Stratum(n, (answers - total, total)) for n, answers, total in strata]
        interval = st.stratified_interval(cells, (0.0, 1.0), CONFIDENCE)
        expected |= {"low": interval.low, "high": interval.high}
    return all(
        abs(company[name] - value) <= _CLOSE * max(1.0, abs(value))
        for name, value in expected.items()
    )


def _across(document: Document, earlier: Sequence[Document]) -> Iterator[Leak]:
    """A change tells the earlier value, a year the sum of its waves: both must be what those waves published."""
    waves = {found["wave"]["slug"]: found for found in earlier}
    for measure in _with_change(document):
        change = measure["change"]
        then = _own(waves.get(change["since"]), measure)
        if not then or then.get("words") == TOO_WIDE:
            continue
        if (
            not then["shown"]
            or abs(measure["estimate"] - change["estimate"] - then["estimate"]) > 1e-7
        ):
            words = (
                f"{measure['question']}: the change tells a value of {change['since']} that was not"
                " published."
            )
            yield Leak(measure["question"], words, across=True)
    for pooled in (document.get("year") or {}).get("measures", ()):
        found = [_own(waves.get(slug, document), pooled) for slug in document["year"]["waves"]]
        said = sum(
            bool(measure and (measure["shown"] or measure["words"] == TOO_WIDE))
            for measure in found
        )
        if all(slug in waves for slug in document["year"]["waves"][:-1]) and pooled["waves"] > said:
            yield Leak(
                pooled["question"],
                f"{pooled['question']}: the year tells a wave that was not published.",
                across=True,
            )


def _of_a_third(document: Document) -> Iterator[Leak]:
    """A third says its shares and nothing beside them: more could be subtracted from its quarter."""
    if document["wave"].get("third") is None:
        return
    for measure in [*document["measures"], *_lost_time(document)]:
        if (
            measure["group"] is not None
            or measure["statistic"] in _DETAILED
            or _JUDGED & measure.keys()
        ):
            yield Leak(
                measure["question"], f"{measure['question']}: a third shows more than a score."
            )
    for found in document["distributions"]:
        yield Leak(found["question"], f"{found['question']}: a third shows a distribution.")
    if (
        document["comments"]["held_back"]
        or document["comments"]["themes"]["shown"]
        or document["year"]
    ):
        yield Leak(RESPONSES, "A third tells of comments, or of a year.")


def _of_a_quarter(document: Document, earlier: Sequence[Document]) -> Iterator[Leak]:
    """A quarter is the sum of what its thirds said: less those that said a number, it tells nothing that a third did not say.

    What is left may only be of thirds whose range was too wide to print, and of enough answers for a share.
    """
    if "thirds" not in document:
        return
    waves = {found["wave"]["slug"]: found for found in earlier}
    thirds = [waves[third["wave"]] for third in document["thirds"] if third["wave"] in waves]
    for measure in [*document["measures"], *_lost_time(document)]:
        if (
            measure["group"] is not None
            or measure["statistic"] in _DETAILED
            or not measure["shown"]
        ):
            continue
        said = [found for third in thirds if (found := _own(third, measure))]
        if not _follows(measure, said, document["minimum_group"]):
            yield Leak(
                measure["question"],
                f"{measure['question']}: the quarter tells what one of its thirds did not say.",
            )


def _follows(whole: Measure, parts: Sequence[Measure], minimum: int) -> bool:
    """Whether a quarter's figure tells nothing beyond those of its thirds."""
    told = [part for part in parts if part["shown"]]
    answers, total = (
        whole["answers"] - sum(part["answers"] for part in told),
        _sum(whole) - sum(map(_sum, told)),
    )
    if not answers:
        return not total
    is_wide = any(not part["shown"] and part["words"] == TOO_WIDE for part in parts)
    return is_wide and answers >= minimum and 0 <= total <= answers


def _with_change(document: Document) -> Iterator[Measure]:
    for measure in [*document["measures"], *_lost_time(document)]:
        if measure["group"] is None and measure.get("change", {}).get("shown"):
            yield measure


def _own(document: Document | None, measure: Measure) -> Measure | None:
    """The company's figure of the same kind in another document."""
    if document is None:
        return None
    key = measure["question"], measure["statistic"]
    measures = [*document["measures"], *_lost_time(document)]
    return next(
        (m for m in measures if m["group"] is None and (m["question"], m["statistic"]) == key), None
    )


def _lost_time(document: Document) -> list[Measure]:
    block = document["lost_time"]
    head = (
        {"question": block["question"], "statistic": "share_over_two_hours", "group": None}
        if block
        else {}
    )
    return [head | block["share_over_2h"]] if block else []


def _numbers_of(measure: Measure) -> tuple[int, int, int]:
    return measure["population"], measure["answers"], _sum(measure)


def _sum(measure: Measure) -> int:
    """The values of all answers together: whole, for every scale's points are."""
    return round(float(measure.get("process", measure)["estimate"] * measure["answers"]))


def _is_band(words: str) -> bool:
    return words.startswith(("all ", "none "))

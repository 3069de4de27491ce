"""The audit of a findings document: whether anything that is not shown follows from what is shown.

It reads what is published as linear facts. It sees what a reader sees: this document and the
earlier ones of the same survey, never the answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from survey import statistics as st
from survey.findings.document.rules.cells import LOST_TIME
from survey.findings.document.rules.document import FindingsDocument
from survey.findings.document.rules.evidence import Withholding
from survey.findings.words.rules.wording import TOO_WIDE
from survey.statistics.differencing import Fact, Space
from survey.waves.rules.waves import CONFIDENCE

RESPONSES = "responses"
_CLOSE = 1e-9
_CLOSE_CHANGE = 1e-7
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
    "trend",
    "response_odds",
    "status",
}

Measure = Mapping[str, Any]
_Numbers = tuple[int, int, int]  # people, answers, and the values of all answers together


@dataclass(frozen=True, slots=True)
class Leak:
    """A hidden fact that follows from what is published, with a sentence about it.

    `question` is a question's id or RESPONSES; `across` says that an earlier wave's document is
    needed for it.
    """

    question: str
    words: str
    across: bool = False


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """One kind of figure of one question as published: the company's and each group's.

    `minimum` is from how many answers it is shown, `distributed` how many answers the question's
    distribution tells, 0 where there is none.
    """

    question: str
    statistic: str
    minimum: int
    distributed: int
    company: Measure | None
    groups: Mapping[str, Measure]

    @property
    def shown(self) -> dict[str, Measure]:
        """The groups whose number is shown, with their measures."""
        return {name: measure for name, measure in self.groups.items() if measure["shown"]}

    @property
    def facts(self) -> list[Fact]:
        """What the table tells about numbers of answers: the sum over some of its groups."""
        facts = [Fact.total([name], measure["answers"]) for name, measure in self.shown.items()]
        for name, measure in self.groups.items():
            against = measure.get("against_rest", {})
            if against.get("shown"):
                mine, rest = against["answers"]
                facts.append(Fact.total([name], mine))
                facts.append(Fact.total(self.groups.keys() - {name}, rest))
        if self.groups and self.company and self.company["shown"]:
            facts.append(Fact.total(self.groups, self.company["answers"]))
        if self.groups and self.distributed:
            facts.append(Fact.total(self.groups, self.distributed))
        return facts


def publication_faults(
    document: FindingsDocument,
    earlier: Sequence[FindingsDocument] = (),
    *,
    with_groups: bool = True,
) -> tuple[str, ...]:
    """Why a document may not be published beside earlier ones, as sentences; empty if it may.

    Without groups only what its company figures tell is looked at.
    """
    leaks = find_leaks(document, earlier, with_groups=with_groups)
    return tuple(dict.fromkeys(leak.words for leak in leaks))


def find_leaks(
    document: FindingsDocument,
    earlier: Sequence[FindingsDocument] = (),
    *,
    with_groups: bool = True,
) -> list[Leak]:
    """The hidden facts that follow from a document and the earlier ones; empty if none does.

    Without groups only what its company figures tell.
    """
    tables = published_tables(document)
    leaks = [
        *_leaks_of_company(tables),
        *_leaks_across_waves(document, earlier),
        *_leaks_of_third(document),
        *_leaks_of_quarter(document, earlier),
    ]
    if not with_groups:
        return leaks
    leaks += _leaks_of_responses(document)
    for table in tables:
        leaks += _numbers_in_hidden_cells(table)
        leaks += _small_unions(table, tables)
        leaks += _numbers_of_bands(table)
        leaks += _finer_weights(table)
        leaks += _finer_rests(table)
    return leaks


def hide_further(withheld: Withholding, leaks: Sequence[Leak]) -> Withholding:
    """A new `Withholding` that hides one more group on each question that leaks.

    A question that leaks across waves is left out of comparisons with earlier ones instead.
    """
    further = dict(withheld.further)
    for question in {leak.question for leak in leaks if not leak.across}:
        further[question] = further.get(question, 0) + 1
    across = {leak.question for leak in leaks if leak.across}
    return Withholding(further, withheld.apart | across)


def published_tables(document: FindingsDocument) -> list[PublishedTable]:
    """A document's measures, as one table for each question and kind of figure."""
    distributed = {
        distribution["question"]: sum(distribution["counts"])
        for distribution in document["distributions"]
        if distribution["shown"]
    }
    measures: dict[tuple[str, str], dict[str | None, Measure]] = {}
    for measure in document["measures"]:
        by_group = measures.setdefault((measure["question"], measure["statistic"]), {})
        by_group[measure["group"]] = measure
    tables = []
    for (question, statistic), by_group in measures.items():
        is_detailed = statistic in _DETAILED
        tables.append(
            PublishedTable(
                question,
                statistic,
                document["minimum_detail"] if is_detailed else document["minimum_group"],
                distributed.get(question, 0) if is_detailed else 0,
                by_group.get(None),
                {name: measure for name, measure in by_group.items() if name is not None},
            )
        )
    return tables


def _leaks_of_company(tables: Sequence[PublishedTable]) -> Iterator[Leak]:
    """Leaks: figures of the company that are shown with fewer answers than their minimum."""
    for table in tables:
        company = table.company
        if company and company["shown"] and company["answers"] < table.minimum:
            yield Leak(
                table.question,
                f"{table.question}: {table.statistic} is shown for fewer than {table.minimum}"
                " answers.",
            )


def _leaks_of_responses(document: FindingsDocument) -> Iterator[Leak]:
    """Leaks: groups shown with too few responses, and merged groups that hold a number."""
    few = [
        group["name"]
        for group in document["groups"]
        if group["shown"] and group["answered"] < document["minimum_group"]
    ]
    if few:
        yield Leak(
            RESPONSES,
            f"Fewer than {document['minimum_group']} people answered in {', '.join(sorted(few))}.",
        )
    merged = [group for group in document["groups"] if not group["shown"]]
    if any(group["answered"] is not None for group in merged):
        yield Leak(RESPONSES, "A group that was counted with another holds a number of its own.")


def _numbers_in_hidden_cells(table: PublishedTable) -> Iterator[Leak]:
    """A leak where a cell that is not shown holds anything but words."""
    cells = list(table.groups.values())
    if table.company:
        cells.append(table.company)
    if any(not cell["shown"] and cell.keys() - _WORDS_ONLY for cell in cells):
        yield Leak(table.question, f"{table.question}: a hidden cell holds a number.")


def _small_unions(table: PublishedTable, tables: Sequence[PublishedTable]) -> Iterator[Leak]:
    """Leaks: sets of groups with too few answers, whose number follows by differences.

    A mean follows from means alone; a share also from what the other figures of its question say
    about who answered.
    """
    sources = [table]
    if table.statistic not in _DETAILED:
        sources = [other for other in tables if other.question == table.question]
    facts = [fact for source in sources for fact in source.facts]
    for union in Space(facts).below(table.minimum):
        names = ", ".join(sorted(union.cells))
        yield Leak(
            table.question,
            f"{table.question}: {table.statistic} of {names} follows from the rest, with fewer than"
            f" {table.minimum} answers.",
        )


def _numbers_of_bands(table: PublishedTable) -> Iterator[Leak]:
    """Leaks: groups in a band of words whose number follows from the company and the others."""
    banded = {
        name for name, cell in table.groups.items() if not cell["shown"] and _is_band(cell["words"])
    }
    unions = [{name} for name in banded]
    if len(banded) > 1:
        unions.append(banded)
    space = Space(table.facts)
    for names in unions:
        if space.value(names) is not None:
            yield Leak(
                table.question,
                f"{table.question}: what is said in words of {', '.join(sorted(names))} follows as"
                " a number.",
            )


def _finer_weights(table: PublishedTable) -> Iterator[Leak]:
    """A leak if the company's value is weighed by more than shown groups and all others as one.

    Such a value would tell those others apart. Groups too few to say would need a number to be
    weighed by; where there are any, the value is not computed again.
    """
    company = table.company
    if not (table.groups and company and company["shown"]):
        return
    if any(cell.get("words") == TOO_WIDE for cell in table.groups.values()):
        return
    strata = [_numbers_of(cell) for cell in table.shown.values()]
    rest = _rest_of(company, strata)
    if rest[1]:
        strata.append(rest)
    if not _is_explained(table, company, strata):
        yield Leak(
            table.question,
            f"{table.question}: the company's {table.statistic} is weighed by more than the groups"
            " shown and all others as one.",
        )


def _finer_rests(table: PublishedTable) -> Iterator[Leak]:
    """A leak for each group whose rest is weighed by more than shown groups and all others as one.

    The value of the rest follows from the group's own and its difference. Nothing where there are
    groups too few to say, as in `_finer_weights`.
    """
    company = table.company
    if not (table.groups and company and company["shown"]):
        return
    if any(cell.get("words") == TOO_WIDE for cell in table.groups.values()):
        return
    numbers = {name: _numbers_of(cell) for name, cell in table.shown.items()}
    hidden = _rest_of(company, numbers.values())
    for name, cell in table.shown.items():
        against = cell.get("against_rest", {})
        if not against.get("shown"):
            continue
        others = [each for other, each in numbers.items() if other != name]
        strata = [*others, hidden] if hidden[1] else others
        people = sum(stratum[0] for stratum in strata)
        expected = sum(n / people * total / answers for n, answers, total in strata)
        if abs(cell["estimate"] - against["estimate"] - expected) > _CLOSE_CHANGE:
            yield Leak(
                table.question,
                f"{table.question}: {name} is compared with a rest that is weighed by more than the"
                " groups shown and all others as one.",
            )


def _rest_of(company: Measure, strata: Iterable[_Numbers]) -> _Numbers:
    """What is left of the company's numbers without these strata."""
    whole, known = _numbers_of(company), list(strata)
    people, answers, total = (
        number - sum(stratum[at] for stratum in known) for at, number in enumerate(whole)
    )
    return people, answers, total


def _is_explained(table: PublishedTable, company: Measure, strata: Sequence[_Numbers]) -> bool:
    """Whether the company's value, and a share's range, are those computed from these strata."""
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


def _leaks_across_waves(
    document: FindingsDocument, earlier: Sequence[FindingsDocument]
) -> Iterator[Leak]:
    """Leaks: what changes and the year reveal of earlier waves that these did not publish.

    A change tells the earlier value, a year the sum of its waves.
    """
    documents = {other["wave"]["slug"]: other for other in earlier}
    yield from _leaks_of_changes(document, documents)
    yield from _leaks_of_trends(document, documents)
    yield from _leaks_of_year(document, documents)


def _leaks_of_changes(
    document: FindingsDocument, documents: Mapping[str, FindingsDocument]
) -> Iterator[Leak]:
    """Leaks: changes that reveal a value which the earlier wave hid or published otherwise.

    `documents` are by the slug of their wave.
    """
    for measure in _measures_with_change(document):
        change = measure["change"]
        before = _company_measure_like(documents.get(change["since"]), measure)
        if not before or before.get("words") == TOO_WIDE:
            continue
        revealed = measure["estimate"] - change["estimate"]
        if not before["shown"] or abs(revealed - before["estimate"]) > _CLOSE_CHANGE:
            yield Leak(
                measure["question"],
                f"{measure['question']}: the change tells a value of {change['since']} that was not"
                " published.",
                across=True,
            )


def _leaks_of_trends(
    document: FindingsDocument, documents: Mapping[str, FindingsDocument]
) -> Iterator[Leak]:
    """Leaks: trends through a wave that did not publish the figure, or published another value.

    `documents` are by slug; a wave whose document is missing is not looked at.
    """
    for measure in _all_measures(document):
        trend = measure.get("trend")
        if measure["group"] is not None or not trend:
            continue
        waves = [documents.get(slug) for slug in trend["slugs"][:-1]]
        before = [_company_measure_like(wave, measure) for wave in waves if wave]
        start = _company_measure_like(documents.get(trend["since"]), measure)
        is_first_another = bool(
            start and start["shown"] and abs(start["estimate"] - trend["first"]) > _CLOSE_CHANGE
        )
        if is_first_another or not all(found and _is_published(found) for found in before):
            yield Leak(
                measure["question"],
                f"{measure['question']}: the trend tells a wave that was not published.",
                across=True,
            )


def _leaks_of_year(
    document: FindingsDocument, documents: Mapping[str, FindingsDocument]
) -> Iterator[Leak]:
    """Leaks: figures of a year that are made of more waves than published that figure.

    `documents` are by slug. Nothing where a document of an earlier wave of the year is missing.
    """
    year = document.get("year")
    if not year or any(slug not in documents for slug in year["waves"][:-1]):
        return
    waves = [documents.get(slug, document) for slug in year["waves"]]
    for pooled in year["measures"]:
        measures = [_company_measure_like(wave, pooled) for wave in waves]
        published = sum(measure is not None and _is_published(measure) for measure in measures)
        if pooled["waves"] > published:
            yield Leak(
                pooled["question"],
                f"{pooled['question']}: the year tells a wave that was not published.",
                across=True,
            )


def _is_published(measure: Measure) -> bool:
    """Whether a figure is shown, or hidden only because its range is too wide to print."""
    return bool(measure["shown"] or measure["words"] == TOO_WIDE)


def _leaks_of_third(document: FindingsDocument) -> Iterator[Leak]:
    """Leaks: everything that a third publishes beside its company shares.

    It could be subtracted from its quarter.
    """
    if document["wave"].get("third") is None:
        return
    for measure in _all_measures(document):
        is_company = measure["group"] is None
        is_detailed = measure["statistic"] in _DETAILED
        if not is_company or is_detailed or _JUDGED & measure.keys():
            yield Leak(
                measure["question"], f"{measure['question']}: a third shows more than a score."
            )
    for distribution in document["distributions"]:
        question = distribution["question"]
        yield Leak(question, f"{question}: a third shows a distribution.")
    comments = document["comments"]
    if comments["held_back"] or comments["themes"]["shown"] or document.get("year"):
        yield Leak(RESPONSES, "A third tells of comments, or of a year.")


def _leaks_of_quarter(
    document: FindingsDocument, earlier: Sequence[FindingsDocument]
) -> Iterator[Leak]:
    """Leaks: shares of a quarter that reveal what one of its thirds did not publish.

    A quarter is the sum of what its thirds said. What remains after subtracting the thirds that
    said a number may only be of thirds whose range was too wide to print, and of enough answers for
    a share.
    """
    if "thirds" not in document:
        return
    documents = {other["wave"]["slug"]: other for other in earlier}
    thirds = [documents.get(third["wave"]) for third in document["thirds"]]
    for measure in _all_measures(document):
        is_company_share = measure["group"] is None and measure["statistic"] not in _DETAILED
        if not (is_company_share and measure["shown"]):
            continue
        of_thirds = [_company_measure_like(third, measure) for third in thirds]
        parts = [part for part in of_thirds if part]
        if not _is_sum_of(measure, parts, document["minimum_group"]):
            yield Leak(
                measure["question"],
                f"{measure['question']}: the quarter tells what one of its thirds did not say.",
            )


def _is_sum_of(whole: Measure, parts: Sequence[Measure], minimum: int) -> bool:
    """Whether a quarter's figure tells nothing beyond those of its thirds.

    It may tell more only of thirds too wide to print, with at least `minimum` answers.
    """
    shown = [part for part in parts if part["shown"]]
    answers = whole["answers"] - sum(part["answers"] for part in shown)
    total = _total(whole) - sum(map(_total, shown))
    if not answers:
        return not total
    is_wide = any(not part["shown"] and part["words"] == TOO_WIDE for part in parts)
    return is_wide and answers >= minimum and 0 <= total <= answers


def _measures_with_change(document: FindingsDocument) -> Iterator[Measure]:
    """The company's measures that hold a shown change."""
    for measure in _all_measures(document):
        if measure["group"] is None and measure.get("change", {}).get("shown"):
            yield measure


def _company_measure_like(document: FindingsDocument | None, measure: Measure) -> Measure | None:
    """The company's figure of the same question and kind in a document; None without one."""
    if document is None:
        return None
    key = measure["question"], measure["statistic"]
    company = (other for other in _all_measures(document) if other["group"] is None)
    return next(
        (other for other in company if (other["question"], other["statistic"]) == key), None
    )


def _all_measures(document: FindingsDocument) -> list[Measure]:
    """A document's measures, and the share of lost time as one more."""
    measures: list[Measure] = list(document["measures"])
    lost_time = document["lost_time"]
    if lost_time:
        head = {"question": lost_time["question"], "statistic": LOST_TIME, "group": None}
        measures.append({**head, **lost_time["share_over_2h"]})
    return measures


def _numbers_of(measure: Measure) -> _Numbers:
    """A shown measure's people, answers, and the sum of the values of its answers."""
    return measure["population"], measure["answers"], _total(measure)


def _total(measure: Measure) -> int:
    """The sum of the values of all answers: estimate times answers, rounded.

    It is a whole number, for the points of every scale are whole.
    """
    process = measure.get("process", measure)
    plain = process.get("plain", process)
    return round(float(plain["estimate"] * measure["answers"]))


def _is_band(words: str) -> bool:
    """Whether these words are a band, such as "none or one" or "all 4 or 5"."""
    return words.startswith(("all ", "none "))

"""A26: people of one group tell an attacker what they answered, who subtracts it from whatever is
published: over waves, the year and the quarter, in the document and in the file made of it.

With c of them, never fewer than k - c others stand behind a figure, or behind what follows from
several: that is all that a threshold can promise (section 2 of the design says so).
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from survey.findings.document.rules import pooling
from survey.findings.document.rules.compute import compute_document
from survey.findings.exports.rules import csv_file
from survey.findings.rules import Findings
from survey.responses.rules import Tally
from survey.statistics.differencing import Fact, Space
from tests.attacks.test_a15_differencing import ASKED, Document, Story, story
from tests.attacks.world import patched
from tests.findings.test_presentation import wave
from tests.findings.test_quarters_publication import everything_together
from tests.findings.test_quarters_publication import invented as invented_quarter
from tests.proofs import sizes

WHAT = (
    "Asking colleagues of a small group what they answered, and subtracting that from everything"
    " that is published."
)
ORGANISATIONS = {"small": 30, "large": 200}
WITH_A_FAULT = 20
COUNTED: dict[str, Tally] = {}  # what an exporter could count again, by the document's digest
DETAILED = {"mean": 10, "nps": 10, "hours_per_week": 10}  # and their minimum of answers


@dataclass(frozen=True)
class Published:
    """What was counted at one time, and the document and the file that came of it."""

    tallies: Mapping[str, Tally]  # by wave: one, or the thirds of a quarter
    document: Document
    file: str
    minimum: int


@dataclass(frozen=True)
class Figure:
    """A number that somebody reads: of which question, and of how many answers of which cells."""

    question: str
    statistic: str
    minimum: int
    cells: frozenset[str]


def exported(document: Document, minimum: int) -> str:
    """The CSV file of a document."""
    of_wave = wave(document["wave"]["opened"], minimum_group=minimum)
    return csv_file.as_csv(Findings(of_wave, 1, document["digest"], document))  # type: ignore[arg-type]


def of_waves(found: Story) -> list[Published]:
    for tally, document in zip(found.tallies, found.documents, strict=True):
        COUNTED[document["digest"]] = tally
    return [
        Published({str(at): tally}, document, exported(document, minimum), minimum)
        for at, (tally, document, minimum) in enumerate(
            zip(found.tallies, found.documents, found.minimums, strict=True)
        )
    ]


def of_quarter(seed: int) -> list[Published]:
    found = invented_quarter(seed)
    thirds = {str(at): tally for at, tally in enumerate(found.tallies)}
    parts = [
        Published({at: tally}, document, exported(document, 5), 5)
        for (at, tally), document in zip(thirds.items(), found.thirds, strict=True)
    ]
    return [*parts, Published(thirds, found.quarter, exported(found.quarter, 5), 5)]


def answers_by_cell(published: Sequence[Published], question: str) -> dict[str, int]:
    """How many answered a question in each group of each wave."""
    return {
        f"{at}/{name}": cell.answers
        for one in published
        for at, tally in one.tallies.items()
        for name, cell in tally.cells[question].items()
    }


def rows_of(one: Published) -> Iterator[Mapping[str, Any]]:
    """Every number of the file; hours are of those of whom the share before them is."""
    before = None
    for row in csv.DictReader(io.StringIO(one.file)):
        if row["estimate"] or row["low"]:
            answers = int(row["answers"]) if row["answers"] else before
            yield {**row, "answers": answers, "waves": int(row["waves"] or 1)}
        before = int(row["answers"]) if row["answers"] else None


def rows_of_document(one: Published) -> Iterator[Mapping[str, Any]]:
    """Every number of the document."""
    lost, year = one.document["lost_time"], one.document["year"]
    for measure in one.document["measures"]:
        if measure["shown"]:
            yield {"waves": 1, **measure, "group": measure["group"] or ""}
    for statistic in ("share_over_2h", "hours_per_week"):
        if lost and lost[statistic]["shown"]:
            more = {"question": lost["question"], "statistic": statistic, "group": "", "waves": 1}
            yield {"answers": lost["share_over_2h"].get("answers"), **lost[statistic], **more}
    for measure in year["measures"] if year else ():
        if measure["shown"]:
            yield {**measure, "group": ""}


def figures(published: Sequence[Published], at: int) -> Iterator[Figure]:
    """What is read at one time, and whose answers it is of; some of which must be those it says."""
    one = published[at]
    for row in (*rows_of_document(one), *rows_of(one)):
        answers = answers_by_cell(published[: at + 1], row["question"])
        now = {cell for cell in answers if cell.partition("/")[0] in one.tallies}
        if row["group"]:
            cells = {cell for cell in now if cell.partition("/")[2] == row["group"]}
        elif row["answers"] is not None and (row["waves"] > 1 or len(one.tallies) > 1):
            cells = summands(answers, row["answers"], row["waves"] if row["waves"] > 1 else None)
        else:
            cells = now
        if row["answers"] is not None and row["waves"] == 1:
            assert sum(answers[cell] for cell in cells) == row["answers"], row
        minimum = max(one.minimum, DETAILED.get(row["statistic"], 0))
        yield Figure(row["question"], row["statistic"], minimum, frozenset(cells))


def summands(answers: Mapping[str, int], total: int, number: int | None) -> set[str]:
    """The cells of whole waves: of so many with a mean of `total`, or of any with that sum."""
    waves = sorted({cell.partition("/")[0] for cell in answers})
    for size in [number] if number else range(len(waves), 0, -1):
        for chosen in combinations(waves, size):
            cells = {cell for cell in answers if cell.partition("/")[0] in chosen}
            if sum(answers[cell] for cell in cells) // (number or 1) == total:
                return cells
    raise AssertionError(f"no waves have {total} answers together")


def circles(published: Sequence[Published], answers: Mapping[str, int]) -> list[set[str]]:
    """The cells in which the same accomplices answer: of a group, wave after wave.

    Of a quarter one third alone, for nobody is asked in two of them.
    """
    if any(len(one.tallies) > 1 for one in published):
        return [{cell} for cell in answers]
    groups = {cell.partition("/")[2] for cell in answers}
    return [{cell for cell in answers if cell.partition("/")[2] == group} for group in groups]


@dataclass
class Loot:
    """What accomplices make of it: figures seen, and those with too few others behind them."""

    figures: int = 0
    too_few: int = 0
    solved: int = 0
    fewest: int = 99

    def add(self, published: Sequence[Published]) -> None:
        """Attacks one organisation, each of its groups in turn."""
        seen = [figure for at in range(len(published)) for figure in figures(published, at)]
        self.figures += len(seen)
        minimum = min(one.minimum for one in published)
        for question in {figure.question for figure in seen}:
            answers = answers_by_cell(published, question)
            mine = [figure for figure in seen if figure.question == question]
            for told in circles(published, answers):
                for accomplices in range(1, minimum):
                    known = {cell: min(accomplices, answers[cell]) for cell in told}
                    self.subtract(mine, answers, known, accomplices)
            self.solved += follows(mine, answers, minimum)

    def subtract(
        self,
        seen: Sequence[Figure],
        answers: Mapping[str, int],
        known: Mapping[str, int],
        accomplices: int,
    ) -> None:
        """Takes what accomplices know out of each figure of their group."""
        for figure in seen:
            others = sum(answers[cell] - known.get(cell, 0) for cell in figure.cells)
            if figure.cells & known.keys():
                self.too_few += others < figure.minimum - accomplices
                self.fewest = min(self.fewest, others - (figure.minimum - accomplices))


def follows(seen: Sequence[Figure], answers: Mapping[str, int], minimum: int) -> int:
    """Unions of cells that follow from all figures together and have fewer than k answers.

    Then c accomplices among them would leave fewer than k - c others.
    """
    totals = {figure.cells: sum(answers[cell] for cell in figure.cells) for figure in seen}
    unions = Space([Fact.total(cells, total) for cells, total in totals.items()]).below(minimum)
    assert all(union.value == sum(answers[cell] for cell in union.cells) for union in unions)
    return sum(union.value > 0 for union in unions)


def attacked(organisations: int) -> Loot:
    loot = Loot()
    for seed in range(organisations):
        loot.add(of_waves(story(seed)))
        loot.add(of_quarter(seed))
    return loot


@pytest.mark.parametrize("size", sizes("differencing", "small", "large"))
def test_accomplices_never_leave_fewer_others_than_k_less_their_number(size: str) -> None:
    loot = attacked(ORGANISATIONS[size])
    assert loot.figures > 50 * ORGANISATIONS[size]
    assert (loot.too_few, loot.solved) == (0, 0), loot
    assert loot.fewest == 0, "the bound was reached, so it was tried"


@contextmanager
def exporter_with_k_less_one() -> Iterator[None]:
    """The file is made of a document that counts from k - 1 answers on."""
    real = csv_file._all_measures

    def careless(document: Document) -> Iterator[Mapping[str, Any]]:
        tally = COUNTED.get(document["digest"])
        if tally:
            lower = document["minimum_group"] - 1
            of_wave = wave(document["wave"]["opened"], minimum_group=lower)
            document = compute_document(of_wave, "Brightline IT", ASKED, tally)
        yield from real(document)

    with patched(csv_file, "_all_measures", careless):
        yield


@contextmanager
def quarter_of_all_thirds() -> Iterator[None]:
    """A quarter adds up what its thirds hid, too."""
    with patched(pooling, "_together", everything_together):
        yield


FAULTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "one exporter with k - 1": exporter_with_k_less_one,
    "a quarter of all thirds": quarter_of_all_thirds,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_figure_with_too_few_others_behind_it_is_caught(fault: str) -> None:
    with FAULTS[fault]():
        loot = attacked(WITH_A_FAULT)
    assert loot.too_few or loot.solved, loot

"""A15: everything published of random organisations, over waves and the year, subtracted, weighed
and solved in whole numbers.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest

from survey import statistics as st
from survey.findings.document.rules import cells as product_cells
from survey.findings.document.rules import comparisons as product_comparisons
from survey.findings.document.rules import compute as product_compute
from survey.findings.document.rules.cells import GroupCells, Statistic, statistics_of
from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.evidence import EarlierWave, Evidence
from survey.findings.document.rules.publication import publication_faults, published_tables
from survey.findings.words.rules.wording import FROM_TEN, HIDDEN, MOST_OR_ALL, ONE_OR_NONE
from survey.questionnaires.rules import Question, Questionnaire, Scale, ScaleKind
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.statistics.differencing import Fact, Space, narrowed
from survey.statistics.suppression import merge_small
from tests.findings.test_presentation import FIVE, LOST, NPS, wave
from tests.proofs import sizes

WHAT = (
    "Subtracting and weighing everything that is published, over "
    "all surveys and the year, to find what was left out."
)

ORGANISATIONS = {"small": 40, "large": 200}
WITH_A_FAULT = {"small": 20, "large": 60}
YES_NO = Scale("yesno", ScaleKind.CHOICE, (1, 2), ("No", "Yes"), top=frozenset({2}))
ASKED = Questionnaire.of(
    slug="a15", title="A15", language="en", preamble="",
    questions=(
        Question("OVR1", 1, "Overall", "", "Overall?", FIVE),
        Question("RES1", 1, "Solved", "", "Solved?", FIVE),
        Question("FIX1", 1, "Repaired", "", "Repaired?", YES_NO),
        Question("NPS1", 1, "Recommend", "", "Recommend?", NPS),
        Question("EFF2", 1, "Lost", "", "Lost?", LOST),
    ),
)  # fmt: skip
# How often each point is chosen, and how many opt out or leave it blank.
HABITS = {
    "OVR1": ((0.05, 0.1, 0.2, 0.4, 0.25), 0.0),
    "RES1": ((0.05, 0.1, 0.2, 0.4, 0.25), 0.45),
    "FIX1": ((0.25, 0.75), 0.35),
    "NPS1": ((0.03,) * 7 + (0.2, 0.25, 0.2, 0.14), 0.25),
    "EFF2": ((0.2, 0.3, 0.2, 0.15, 0.1, 0.05), 0.1),
}
Document = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """The waves of one organisation: what was counted, and what was published of it."""

    tallies: tuple[Tally, ...]
    minimums: tuple[int, ...]
    documents: tuple[Document, ...]


@dataclass
class Loot:
    """What an attacker found: unions below the minimum, single cells, cells narrowed to less than
    half, of all that were open.
    """

    unions: int = 0
    exact: int = 0
    narrow: int = 0
    cells: int = 0
    refused: int = 0

    def __add__(self, other: "Loot") -> "Loot":
        return Loot(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )


def invented(source: Random, departments: Mapping[str, int], minimum: int) -> Tally:
    """One wave: who answers, what they say, groups merged as the product merges them."""
    rates = [source.uniform(0.35, 0.95) for _ in departments]
    answered = {
        name: sum(source.random() < rate for _ in range(size))
        for (name, size), rate in zip(departments.items(), rates, strict=True)
    }
    merged = merge_small(
        [(name, size, answered[name]) for name, size in departments.items()], minimum
    )
    groups = tuple(PublishedGroup(g.name, g.members, g.invited, g.answers) for g in merged)
    cells = {
        q.id: {g.name: cell_of(source, q, g.answered) for g in groups} for q in ASKED.questions
    }
    return Tally(groups, cells, 0, 0)


def cell_of(source: Random, question: Question, people: int) -> CellCounts:
    chances, silence = HABITS[question.id]
    given = Counter(
        source.choices(range(len(chances)), chances)[0]
        for _ in range(people)
        if source.random() >= silence
    )
    counts = tuple(given[at] for at in range(len(chances)))
    return CellCounts(counts, source.randint(0, people - sum(counts)))


def story(seed: int) -> Story:
    source = Random(seed)
    departments = {f"G{at}": source.randint(8, 30) for at in range(source.randint(2, 8))}
    minimums = [source.choice([5, 5, 5, 7]) for _ in range(source.randint(1, 3))]
    counted = [
        (tally, k) for k in minimums if (tally := invented(source, departments, k)).answered >= k
    ]
    return told([tally for tally, _ in counted], [k for _, k in counted])


def told(tallies: Sequence[Tally], minimums: Sequence[int]) -> Story:
    """The documents of these waves, a quarter apart, each with all earlier ones for its changes and
    its year.
    """
    documents: list[Document] = []
    earlier: list[EarlierWave] = []
    for at, (tally, minimum) in enumerate(zip(tallies, minimums, strict=True)):
        opened = date(2027, 1, 11) + timedelta(days=91 * at)
        item = wave(opened.isoformat(), minimum_group=minimum)
        documents.append(
            compute_document(item, "Brightline IT", ASKED, tally, Evidence(earlier=earlier[::-1]))
        )
        earlier.append(EarlierWave(item.slug, opened, False, ASKED, tally, minimum, 10))
    return Story(tuple(tallies), tuple(minimums), tuple(documents))


def loot(found: Story, by_group: str = "") -> Loot:
    """All attacks on one organisation.

    `by_group` is "company" or "rest" when the attacker knows that the company's value, or that of
    the rest which a group is compared with, weighs every group apart.
    """
    total = Loot(
        refused=sum(
            bool(publication_faults(doc, found.documents[:at]))
            for at, doc in enumerate(found.documents)
        )
    )
    for at, (document, tally) in enumerate(zip(found.documents, found.tallies, strict=True)):
        total += Loot(unions=subtracted(document, tally))
        for question, statistic in figures(found.minimums[at]):
            if statistic.name in {"top2", "share"}:
                total += weighed(
                    document,
                    tally.cells[question.id],
                    question,
                    statistic,
                    tally,
                    by_group,
                )
            if statistic.name == "mean":
                total += guessed(document, tally.cells[question.id], question)
    return total


def figures(minimum: int) -> Iterator[tuple[Question, Statistic]]:
    for question in ASKED.questions:
        yield from ((question, statistic) for statistic in statistics_of(question, minimum, 10))


def measures(document: Document, question: str, statistic: str) -> dict[str | None, dict[str, Any]]:
    return {
        m["group"]: m
        for m in document["measures"]
        if (m["question"], m["statistic"]) == (question, statistic)
    }


def subtracted(document: Document, tally: Tally) -> int:
    """Unions of true groups with fewer answers than a figure needs that follow from everything said
    about the figure.
    """
    solved = 0
    for table in published_tables(document):
        space = Space(table.facts)
        answers = {name: cell.answers for name, cell in tally.cells[table.question].items()}
        unions = space.below(table.minimum)
        assert all(union.value == sum(answers[name] for name in union.cells) for union in unions)
        solved += len(unions)
    return solved


def weighed(
    document: Document,
    cells: Mapping[str, CellCounts],
    question: Question,
    statistic: Statistic,
    tally: Tally,
    by_group: str,
) -> Loot:
    """Hidden shares solved in whole numbers by an attacker who knows how many answered in every
    group, from the sum, the weighted value, and the weighted value of each group's rest.
    """
    found = measures(document, question.id, statistic.name)
    company = found.pop(None)
    bands = {HIDDEN: (0, 0), ONE_OR_NONE: (0, 1), MOST_OR_ALL: (-1, 0)}
    hidden = sorted(
        name for name, m in found.items() if name and not m["shown"] and m["words"] in bands
    )
    if (
        not company["shown"]
        or not hidden
        or any(not m["shown"] and n not in hidden for n, m in found.items())
    ):
        return Loot()
    n = {name: cells[name].answers for name in found}
    people = {g.name: g.invited - cells[g.name].opted_out for g in tally.groups}
    shown = {name: round(m["estimate"] * m["answers"]) for name, m in found.items() if m["shown"]}
    rest = round(company["process"]["plain"]["estimate"] * company["answers"]) - sum(shown.values())
    together = Fact.total(hidden, rest)
    one = sum(people[name] for name in hidden) / sum(n[name] for name in hidden)
    apart = {name: people[name] / n[name] for name in hidden if n[name]}
    alike = dict.fromkeys(apart, one)

    def by_value(value: float, without: str | None, weights: Mapping[str, float]) -> Fact:
        """What a weighted value says: of the company, or of all groups but one."""
        others = [name for name in shown if name != without]
        in_value = sum(people.values()) - (people[without] if without else 0)
        left = value * in_value - sum(people[name] * shown[name] / n[name] for name in others)
        return Fact(weights, left - 1e-7, left + 1e-7)

    values = [by_value(company["estimate"], None, apart if by_group == "company" else alike)]
    for name, m in found.items():
        if name and m.get("against_rest", {}).get("shown"):
            rest_value = m["estimate"] - m["against_rest"]["estimate"]
            values.append(by_value(rest_value, name, apart if by_group == "rest" else alike))
    ends = {name: bands[found[name]["words"]] for name in hidden}
    neighbours = [
        Fact({name: 1}, n[name] + low if low else 0, high or n[name])
        for name, (low, high) in ends.items()
    ]
    if len(hidden) > 1 and sum(n[name] for name in hidden) >= statistic.minimum:
        neighbours.append(together)
    facts = [together, *values]
    ranges = [r for r in narrowed(facts, neighbours, hidden) if r.is_open]
    return Loot(
        exact=sum(r.is_exact for r in ranges),
        narrow=sum(r.is_narrow for r in ranges),
        cells=len(ranges),
    )


def guessed(document: Document, cells: Mapping[str, CellCounts], question: Question) -> Loot:
    """Histograms below ten answers, of groups whose mean is shown with its range.

    Every possible one is tried.
    """
    top = measures(document, question.id, "top2")
    total = Loot()
    for name, mean in measures(document, question.id, "mean").items():
        if not name or not mean["shown"] or mean["answers"] >= 10:
            continue
        tables = histograms(mean["answers"])
        if top[name]["shown"]:
            tables = tables[
                tables[:, 3:].sum(axis=1) == round(top[name]["estimate"] * mean["answers"])
            ]
        levels = st.mean_intervals(
            tables, (1, 2, 3, 4, 5), [mean["population"]] * len(tables), 0.95
        )
        fits = (
            np.isclose(levels.estimate, mean["estimate"])
            & np.isclose(levels.low, mean["low"])
            & np.isclose(levels.high, mean["high"])
        )
        left = tables[fits]
        assert (left == cells[name].counts).all(axis=1).any()
        total += Loot(exact=5 * (len(left) == 1), narrow=5 * (len(left) < len(tables) / 2), cells=5)
    return total


def histograms(answers: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Every way in which so many answers lie on five points."""
    bars = np.array(list(itertools.combinations(range(answers + 4), 4)))
    edges = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), answers + 4)])
    return np.diff(edges, axis=1) - 1


def redealt(tally: Tally, document: Document, *, falling: bool) -> Tally:
    """The same wave with the answers of each question's hidden cells dealt out among them another
    way, as far as it goes.

    All answers of cells without a share; of cells with a share but without a mean those above and
    those below its edge, apart.
    """
    cells: dict[str, dict[str, CellCounts]] = {}
    for question in ASKED.questions:
        new = dict(tally.cells[question.id])
        for statistic in statistics_of(question, document["minimum_group"], 10):
            own = measures(document, question.id, statistic.name)
            names = [
                name
                for name, m in own.items()
                if name and not m["shown"] and m["words"] in {HIDDEN, FROM_TEN}
            ]
            if len(names) == len(new) and all(
                new[name].answers >= statistic.minimum for name in names
            ):
                # every group would be said in a band, so none is; dealt out another way some
                # would not be
                continue
            if statistic.name in {"top2", "share", "nps"}:
                new |= dealt(new, names, [range(len(question.scale.codes))], falling=falling)
            else:
                new |= dealt(new, names, [range(3), range(3, 5)], falling=falling)
        cells[question.id] = new
    return replace(tally, cells=cells)


def dealt(
    cells: Mapping[str, CellCounts], names: Sequence[str], parts: Sequence[range], *, falling: bool
) -> dict[str, CellCounts]:
    """These cells with their answers sorted over them, within parts of the scale.

    Each keeps how many it has in each part.
    """
    counts = {name: [0] * len(cells[name].counts) for name in names}
    for part in parts:
        pile = sorted(
            (at for name in names for at in part for _ in range(cells[name].counts[at])),
            reverse=falling,
        )
        for name in sorted(names):
            size = sum(cells[name].counts[at] for at in part)
            for at in pile[:size]:
                counts[name][at] += 1
            pile = pile[size:]
    return {name: CellCounts(tuple(found), cells[name].opted_out) for name, found in counts.items()}


def swap_shows(found: Story, *, falling: bool) -> bool:
    """Whether any document of the story differs when what it hides is dealt out another way."""
    tallies = [
        redealt(t, d, falling=falling) for t, d in zip(found.tallies, found.documents, strict=True)
    ]
    return [canonical_json(d) for d in told(tallies, found.minimums).documents] != [
        canonical_json(d) for d in found.documents
    ]


def without_companions(self: GroupCells, statistic: Statistic) -> frozenset[str]:
    return self._few(statistic) | {
        name for name, cell in self.cells.items() if statistic.band(cell.counts)
    }


def true_groups(self: GroupCells, statistic: Statistic) -> list[st.Stratum]:
    return [self.stratum([name], statistic) for name, cell in self.cells.items() if cell.answers]


COMPARE = product_comparisons.compare_with_rest


def with_true_groups(statistic: Statistic, cells: GroupCells, *rest: Any) -> dict[str, Any]:
    """Groups against the rest of all true groups, hidden ones too; all else is left as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GroupCells, "strata", true_groups)
        answered = [name for name, cell in cells.cells.items() if cell.answers]
        patch.setattr(GroupCells, "shown", lambda *_: answered)
        return dict(COMPARE(statistic, cells, *rest))


def only_below(answers: Sequence[tuple[str, int]], threshold: int) -> frozenset[str]:
    return frozenset(name for name, number in answers if number < threshold)


def mean_from_five(question: Question, share: int, _: int) -> tuple[Statistic, ...]:
    return statistics_of(question, share, share)


FAULTS: dict[str, tuple[object, str, Callable[..., Any], str]] = {
    "hide below 5 only": (product_cells, "hidden_cells", only_below, ""),
    "strata by true groups": (GroupCells, "strata", true_groups, "company"),
    "a rest by true groups": (product_comparisons, "compare_with_rest", with_true_groups, "rest"),
    "mean with interval at n = 5": (product_compute, "statistics_of", mean_from_five, ""),
    "a band of words alone": (GroupCells, "hidden", without_companions, ""),
}


@pytest.fixture(scope="module", params=sizes("differencing", "small", "large"))
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stories(size: str) -> list[Story]:
    return [story(seed) for seed in range(ORGANISATIONS[size])]


def test_nothing_hidden_follows_from_all_that_is_published_of_many_organisations(
    stories: list[Story],
) -> None:
    total = sum(map(loot, stories), Loot())
    assert total.cells > 5 * len(stories)
    assert (total.unions, total.exact, total.refused) == (0, 0, 0), total
    assert total.narrow <= 0.05 * total.cells, total


def test_answers_swapped_inside_hidden_cells_change_no_byte(stories: list[Story]) -> None:
    dealt_out = [
        redealt(s.tallies[-1], s.documents[-1], falling=True) != s.tallies[-1] for s in stories
    ]
    assert sum(dealt_out) > len(stories) / 2
    assert [
        seed for seed, found in enumerate(stories) if swap_shows(found, falling=bool(seed % 2))
    ] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught_by_the_attack_and_by_the_audit(
    fault: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, name, wrong, by_group = FAULTS[fault]
    monkeypatch.setattr(where, name, wrong)
    total = sum((loot(story(seed), by_group) for seed in range(WITH_A_FAULT[size])), Loot())
    assert total.unions or total.exact or total.narrow > 0.05 * total.cells, total
    assert total.refused, total

"""Whole findings in which nothing is different, as the product itself computes them.

Nothing here computes a comparison: answers are drawn, `compute_document` makes the document, and
what it calls clear is counted by family.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from scipy import stats

from survey.findings.document.rules.compute import compute_document
from survey.findings.document.rules.evidence import EarlierWave, Evidence
from survey.questionnaires.rules import Question, Questionnaire, Scale, ScaleKind
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.waves.rules.waves import Target
from tests.findings.test_presentation import wave
from tests.statistics.checks import QUESTIONS, Array, Measured, Size, check
from tests.statistics.simulated_reports import ANSWERS_OF, SATISFIED, TARGETED
from tests.statistics.simulated_waves import ANSWERING

Situation = tuple[str, str, int]  # design, shape, number of past waves
Spoken = Counter[int]  # by family, in how many reports it calls something clear

BATCH = 50  # reports
SIZES = {"small": (1, 2), "large": (3, BATCH)}  # of each situation: batches, reports in each
SHARES_OF_TWO = ((0.9, 0.6), (0.75, 0.75), (0.95, 0.5))
NEWEST = date(2027, 1, 11)
PAST = 8
YES_NO = Scale("yes", ScaleKind.CHOICE, (1, 2), ("Yes", "No"), top=frozenset({1}))
IDS = ("OVR1", *(f"Q{at}" for at in range(1, QUESTIONS)))
FORM = Questionnaire.of(
    slug="example",
    title="Example",
    language="en",
    preamble="",
    questions=tuple(Question(key, 1, key, "", f"{key}?", YES_NO) for key in IDS),
)
TARGETS = {key: Target(0.8) for key in IDS[1 : TARGETED + 1]}


def drawn_tallies(
    source: np.random.Generator, design: tuple[int, ...], p: float, waves: int
) -> list[Tally]:
    """So many waves of one company: p are satisfied everywhere, a person's answers go together."""
    people = sum(design)
    person = source.standard_normal((waves, people, 1))
    own = source.standard_normal((waves, people, QUESTIONS))
    satisfied = np.sqrt(0.5) * (person + own) < stats.norm.ppf(p)
    starts = np.cumsum([0, *design[:-1]])
    yes = np.add.reduceat(satisfied, starts, axis=1, dtype=np.int64)
    return [_tally(design, one) for one in yes]


def _tally(design: tuple[int, ...], yes: Array) -> Tally:
    names = [f"Group {at:02}" for at in range(len(design))]
    groups = tuple(
        PublishedGroup(name, (name,), round(n / 0.65), n)
        for name, n in zip(names, design, strict=True)
    )
    cells = {
        key: {
            name: CellCounts((x, n - x), 0)
            for name, n, x in zip(names, design, yes[:, at].tolist(), strict=True)
        }
        for at, key in enumerate(IDS)
    }
    return Tally(groups, cells, 0, 0)


def findings_of(tally: Tally, earlier: list[Tally]) -> Mapping[str, Any]:
    """The findings of a wave whose earlier waves, newest first, lie a quarter apart."""
    days = [NEWEST - timedelta(weeks=13 * back) for back in range(1, len(earlier) + 1)]
    before = [
        EarlierWave(f"it-{day}", day, imported=False, questionnaire=FORM, tally=tally)
        for day, tally in zip(days, earlier, strict=True)
    ]
    this_wave = wave(NEWEST.isoformat(), targets=TARGETS)
    return compute_document(this_wave, "Brightline IT", FORM, tally, Evidence(before))


def judged(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each comparison that a document shows."""
    year = document["year"] or {"measures": []}
    for measure in [*document["measures"], *year["measures"]]:
        for kind in ("trend", "change", "against_rest"):
            if measure.get(kind, {}).get("shown"):
                yield measure[kind]


def situations() -> list[Situation]:
    """Every design of groups with every shape of answers, with and without past waves."""
    return list(product(ANSWERS_OF, SATISFIED, (0, PAST)))


@cache
def spoken_in(situation: Situation, batch: int, reports: int = BATCH) -> Spoken:
    """In how many of a batch of reports each family speaks; 0 for one that never does.

    A family without a comparison is left out. A larger measurement has more batches, and the same
    first ones.
    """
    design, shape, past = situation
    source = np.random.default_rng([41, situations().index(situation), batch])
    spoken: Counter[int] = Counter()
    for _ in range(reports):
        this, *earlier = drawn_tallies(source, ANSWERS_OF[design], SATISFIED[shape], 1 + past)
        found = list(judged(findings_of(this, earlier)))
        spoken.update(dict.fromkeys((block["family"] for block in found), 0))
        spoken.update({block["family"] for block in found if block["direction"] != "unclear"})
    return spoken


def rates_of_family(family: int, batches: int, reports: int = BATCH) -> dict[str, float]:
    """In what share of reports a family speaks, with and without past waves.

    For each design with all shapes of answers together, and for each shape with all designs: so
    each rate is of five or six times as many reports as one situation has.
    """
    rates = defaultdict(list)
    for design, shape, past in situations():
        found = [spoken_in((design, shape, past), batch, reports) for batch in range(batches)]
        if family in found[0]:
            rate = sum(one[family] for one in found) / (batches * reports)
            rates[f"{design}, {past} past waves"].append(rate)
            rates[f"{shape}, {past} past waves"].append(rate)
    return {situation: float(np.mean(found)) for situation, found in rates.items()}


def _rates(family: int, size: Size) -> list[float]:
    """One rate per design and shape when large; one of all when small: few reports say little."""
    rates = list(rates_of_family(family, *SIZES[size]).values())
    return rates if size == "large" else [float(np.mean(rates))]


@check("family-headline")
def family_headline(size: Size) -> Measured:
    what = (
        "Nothing changed and no group is unlike the others (findings as the product computes them:"
        " 10 questions, six designs of 4 to 30 groups each at 15 to 96 % satisfied, each of these"
        " five shares in all designs, 8 past waves): the overall measure's trend is called clear"
    )
    return what, False, 0.07, _rates(1, size)


@check("family-targets")
def family_targets(size: Size) -> Measured:
    what = (
        "The same findings: at least one trend or change of the four measures with a target is"
        " called clear"
    )
    return what, False, 0.10, _rates(2, size)


@check("family-exploration")
def family_exploration(size: Size) -> Measured:
    what = (
        "The same, and without past waves: at least one group against the rest, another measure's"
        " trend or change, or a year against the year before, is called clear"
    )
    return what, False, 0.10, _rates(3, size)


# Years


def _departments(
    answering: tuple[int, int], satisfied: tuple[int, int], invited: int = 100
) -> Tally:
    """Two departments' answers to all questions."""
    groups = tuple(
        PublishedGroup(name, (name,), invited, n)
        for name, n in zip(("Sales", "Service"), answering, strict=True)
    )
    cells = {
        group.name: CellCounts((x, n - x), 0)
        for group, x, n in zip(groups, satisfied, answering, strict=True)
    }
    return Tally(groups, dict.fromkeys(IDS, cells), 0, 0)


def _year_of(waves: list[Tally]) -> Mapping[str, Any]:
    """The overall measure's year in the findings of the newest of these waves, oldest first."""
    *earlier, this = waves
    return next(iter(findings_of(this, earlier[::-1])["year"]["measures"]))


@check("year-near-its-waves")
def year_near_its_waves(size: Size) -> Measured:
    what = (
        "Two departments that stay as they are while response moves between them (findings as the"
        " product computes them, 8 waves): a year lies from the value of each of its waves by"
    )
    distances = []
    for answering, shares in product(ANSWERING.values(), SHARES_OF_TWO):
        satisfied = [tuple(round(n * p) for n, p in zip(w, shares, strict=True)) for w in answering]
        waves = [_departments(n, x) for n, x in zip(answering, satisfied, strict=True)]
        year = _year_of(waves)["estimate"]
        values = [
            np.mean([x / n for x, n in zip(*wave_of, strict=True)])
            for wave_of in zip(satisfied[4:], answering[4:], strict=True)
        ]
        distances += [abs(year - value) for value in values]
    return what, False, 0.01, distances


@check("year-as-computed")
def year_as_computed(size: Size) -> Measured:
    what = "The same departments with answers drawn anew: the year is called clearly up or down"
    source, rates = np.random.default_rng(42), []
    reports = 2 if size == "small" else 60
    for answering, shares in product(ANSWERING.values(), SHARES_OF_TWO):
        clear = 0
        for _ in range(reports):
            drawn = source.binomial(np.array(answering), shares).tolist()
            waves = [_departments(n, tuple(x)) for n, x in zip(answering, drawn, strict=True)]
            clear += _year_of(waves)["change"]["direction"] != "unclear"
        rates.append(clear / reports)
    return what, False, 0.07, rates if size == "large" else [float(np.mean(rates))]

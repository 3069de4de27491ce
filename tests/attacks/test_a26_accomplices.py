"""A26: colleagues of one group put their own answers together, take them out of everything that is
published, and look how few others are left behind a figure.

With c accomplices behind a figure that needs k answers, k - c others must be left: of one wave, of
two waves and their change, of the year, and of a quarter with its monthly thirds; whichever file
they read. Which sums of groups follow from the figures does not depend on anybody's answers, so
these sums are solved once, and every group of accomplices is then taken out of them.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from flask import Flask

from survey.findings.document.rules import cells as product_cells
from survey.findings.document.rules import pooling
from survey.findings.document.rules import years as years_of_findings
from survey.findings.document.rules.compute import canonical_json
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.presentation import present_document
from survey.statistics import Stratum
from survey.statistics import trends as trends_of_waves
from survey.statistics import years as years_of_waves
from survey.statistics.differencing import Fact, Space
from survey.statistics.suppression import COMPARED_FROM
from survey.waves.rules.thirds import ONE_THIRD
from survey.waves.rules.waves import MINIMUM_DETAIL
from tests.attacks.test_a15_differencing import Document, Story, invented, story, told
from tests.findings.company import ANSWERS, MERGED, small_company
from tests.findings.quarter import counted_quarter, planned_thirds
from tests.findings.test_presentation import wave as any_wave
from tests.findings.test_quarters_publication import Told, everything_together
from tests.findings.test_quarters_publication import invented as quarter_story
from tests.outside import browser, signed_in
from tests.proofs import on_postgresql, sizes

STORIES = {"small": 40, "large": 200}
WITH_A_FAULT = {"small": 20, "large": 40}
QUARTERS = {"small": 60, "large": 150}
DETAILED = {"mean", "nps", "distribution", "hours_per_week"}
COMPANY = ""
WHAT = (
    "Subtracting what colleagues tell each other from everything that is published, to learn more"
    " than this page admits above."
)
Cell = tuple[str, str]  # a wave's slug and the name of a group in it


@dataclass(frozen=True)
class Figure:
    """How many answers a file tells to be behind one figure, and of which cells."""

    question: str
    statistic: str
    cells: frozenset[Cell]
    answers: int

    @property
    def is_detailed(self) -> bool:
        return self.statistic in DETAILED


@dataclass
class World:
    """What was published, and the truth: by question and cell, how many answers there are."""

    figures: list[Figure] = field(default_factory=list)
    truth: dict[tuple[str, Cell], int] = field(default_factory=dict)
    minimum: int = 5


def document_figures(document: Document) -> Iterator[Figure]:
    """What the JSON document tells: measures, comparisons, distributions and lost time."""
    slug = document["wave"]["slug"]
    groups = [group["name"] for group in document["groups"] if group["shown"]]
    everybody = frozenset((slug, name) for name in groups)
    lost = document["lost_time"] or {"question": ""}
    measures = [
        *document["measures"],
        *(
            {"question": lost["question"], "statistic": name, "group": None} | lost[name]
            for name in ("share_over_2h",)
            if lost["question"]
        ),
    ]
    for measure in measures:
        if not measure["shown"]:
            continue
        kind = measure["question"], measure["statistic"]
        cells = everybody if measure["group"] is None else {(slug, measure["group"])}
        yield Figure(*kind, frozenset(cells), measure["answers"])
        against = measure.get("against_rest", {})
        if against.get("shown"):
            yield Figure(*kind, frozenset(cells), against["answers"][0])
            yield Figure(*kind, everybody - cells, against["answers"][1])
    for distribution in document["distributions"]:
        if distribution["shown"]:
            total = sum(distribution["counts"])
            yield Figure(distribution["question"], "distribution", everybody, total)


def change_figures(document: Document, earlier: Mapping[str, Document]) -> Iterator[Figure]:
    """What a change tells of the earlier wave: how many answers its value there was made of."""
    for measure in document["measures"]:
        change = measure.get("change", {})
        if change.get("shown") and change["since"] in earlier:
            before = earlier[change["since"]]
            cells = frozenset(
                (change["since"], group["name"]) for group in before["groups"] if group["shown"]
            )
            kind = measure["question"], measure["statistic"]
            yield Figure(*kind, cells, change["answers"][1])


def year_figures(
    documents: Sequence[Document], truth: Mapping[tuple[str, Cell], int]
) -> Iterator[Figure]:
    """What a year tells: the sum of those waves that it is made of.

    The worst case: attackers know the sum, though only its mean is told, and which waves it is made
    of: those with ten answers or, if these are not as many as it says, all.
    """
    by_slug = {document["wave"]["slug"]: document for document in documents}
    for document in documents:
        year = document.get("year") or {"measures": [], "waves": []}
        for pooled in year["measures"]:
            cells_of = [cells_shown(by_slug[slug]) for slug in year["waves"]]
            answers = [sum(truth[pooled["question"], cell] for cell in cells) for cells in cells_of]
            places = [at for at, number in enumerate(answers) if number >= COMPARED_FROM]
            if len(places) != pooled["waves"]:
                places = [at for at, number in enumerate(answers) if number]
            cells = frozenset().union(*(cells_of[at] for at in places))
            total = sum(answers[at] for at in places)
            yield Figure(pooled["question"], pooled["statistic"], cells, total)


def trend_figures(
    documents: Sequence[Document], truth: Mapping[tuple[str, Cell], int]
) -> Iterator[Figure]:
    """What a trend tells: that each of its waves has a value, and how many answers it is made of.

    The worst case: attackers know these numbers, though they are told of no wave.
    """
    by_slug = {document["wave"]["slug"]: document for document in documents}
    for document in documents:
        for measure in document["measures"]:
            for slug in measure.get("trend", {"slugs": []})["slugs"]:
                cells = cells_shown(by_slug[slug])
                total = sum(truth[measure["question"], cell] for cell in cells)
                yield Figure(measure["question"], measure["statistic"], cells, total)


def cells_shown(document: Document) -> frozenset[Cell]:
    """All groups of a wave."""
    slug = document["wave"]["slug"]
    return frozenset((slug, group["name"]) for group in document["groups"] if group["shown"])


def csv_figures(content: str, groups_of: Mapping[str, Iterable[str]]) -> Iterator[Figure]:
    """What the CSV tells, read as a spreadsheet reads it; `groups_of` gives each wave's groups."""
    for row in csv.DictReader(io.StringIO(content, newline="")):
        if row["answers"] and row["waves"] == "1":
            names = [row["group"]] if row["group"] else groups_of[row["wave"]]
            cells = frozenset((row["wave"], name) for name in names)
            yield Figure(row["question"], row["statistic"], cells, int(row["answers"]))


def table_figures(document: Document) -> Iterator[Figure]:
    """What the table of groups tells, on the page and in the mail."""
    shown = present_document(document)
    questions = {question["name"]: question["id"] for question in document["questions"]}
    for row in shown.groups:
        for column, cell in zip(shown.columns, row.cells, strict=True):
            if cell.answers is not None:
                cells = frozenset({(document["wave"]["slug"], row.name)})
                yield Figure(questions[column], "top2", cells, cell.answers)


def groups_shown(documents: Iterable[Document]) -> dict[str, list[str]]:
    return {
        document["wave"]["slug"]: [group["name"] for group in document["groups"] if group["shown"]]
        for document in documents
    }


Exporter = Callable[[Story], list[str]]


def honest_csv(found: Story) -> list[str]:
    """The CSV of each wave of an organisation."""
    return [as_csv(findings_of(document)) for document in found.documents]


def csv_from_one_less(found: Story) -> list[str]:
    """The seeded fault: an exporter that takes a group for large enough with k - 1 answers."""
    return honest_csv(told(found.tallies, [minimum - 1 for minimum in found.minimums]))


def findings_of(document: Document) -> Findings:
    item = any_wave(document["wave"]["opened"])
    return Findings(item, 1, document["digest"], document)  # type: ignore[arg-type]


def world_of(found: Story, exporter: Exporter = honest_csv) -> World:
    """Everything that the waves of one organisation tell together, in each kind of file."""
    world = World(minimum=min(found.minimums, default=5))
    by_slug = {document["wave"]["slug"]: document for document in found.documents}
    files = exporter(found)
    for document, tally, file in zip(found.documents, found.tallies, files, strict=True):
        slug = document["wave"]["slug"]
        for question, cells in tally.cells.items():
            world.truth |= {(question, (slug, name)): c.answers for name, c in cells.items()}
        world.figures += document_figures(document)
        world.figures += change_figures(document, by_slug)
        world.figures += table_figures(document)
        world.figures += csv_figures(file, groups_shown([document]))
    world.figures += year_figures(found.documents, world.truth)
    world.figures += trend_figures(found.documents, world.truth)
    return world


def world_of_quarter(quarter: Told) -> World:
    """A quarter and its thirds, which are all in it or none."""
    world = World()
    slugs = [document["wave"]["slug"] for document in quarter.thirds]
    for slug, document, tally in zip(slugs, quarter.thirds, quarter.tallies, strict=True):
        for question, cells in tally.cells.items():
            world.truth[question, (slug, ONE_THIRD)] = cells[ONE_THIRD].answers
        world.figures += document_figures(document)
        world.figures += csv_figures(as_csv(findings_of(document)), groups_shown([document]))
    for figure in document_figures(quarter.quarter):
        cells = frozenset((slug, ONE_THIRD) for slug in slugs)
        assert figure.answers == sum(world.truth[figure.question, cell] for cell in cells)
        world.figures.append(Figure(figure.question, figure.statistic, cells, figure.answers))
    return world


@dataclass(frozen=True)
class Exposure:
    """Fewer others behind a figure than are promised, and to how many accomplices."""

    question: str
    accomplices: int
    others: int
    promised: int


@dataclass
class Tried:
    """How often accomplices looked at a figure, and what they found."""

    looks: int = 0
    exposed: list[Exposure] = field(default_factory=list)


def attack(world: World, source: Random) -> Tried:
    """Every number of accomplices: all in one cell, and spread over the cells at random."""
    tried = Tried()
    for question in {figure.question for figure in world.figures}:
        figures = [figure for figure in world.figures if figure.question == question]
        detailed = [figure for figure in figures if figure.is_detailed]
        for minimum, sources in ((world.minimum, figures), (MINIMUM_DETAIL, detailed)):
            sums = sums_that_follow(sources)
            cells = sorted({cell for union, _ in sums for cell in union})
            truth = {cell: world.truth[question, cell] for cell in cells}
            for number in range(1, minimum):
                for team in teams(truth, number, source):
                    look(tried, question, sums, team, minimum)
    return tried


def sums_that_follow(figures: Iterable[Figure]) -> list[tuple[frozenset[Cell], int]]:
    """The smallest sets of cells whose number of answers follows from all these figures."""
    names: dict[str, Cell] = {}
    facts = []
    for figure in set(figures):
        names |= {"|".join(cell): cell for cell in figure.cells}
        facts.append(Fact.total(map("|".join, sorted(figure.cells)), figure.answers))
    unions = Space(facts).below(10**9)
    return [(frozenset(names[name] for name in union.cells), union.value) for union in unions]


def teams(truth: Mapping[Cell, int], number: int, source: Random) -> Iterator[Mapping[Cell, int]]:
    """So many accomplices who answered: all in one cell, for each; then twice spread at random.

    Accomplices are no more than there are answers.
    """
    for cell, answers in truth.items():
        yield {cell: min(number, answers)}
    seats = [cell for cell, answers in truth.items() for _ in range(answers)]
    for _ in range(2):
        chosen = source.sample(seats, min(number, len(seats)))
        yield {cell: chosen.count(cell) for cell in set(chosen)}


def look(
    tried: Tried,
    question: str,
    sums: Sequence[tuple[frozenset[Cell], int]],
    team: Mapping[Cell, int],
    minimum: int,
) -> None:
    """Takes a team's own answers out of every sum."""
    size = sum(team.values())
    for union, answers in sums:
        others = answers - sum(number for cell, number in team.items() if cell in union)
        tried.looks += 1
        if 0 < others < minimum - size:
            tried.exposed.append(Exposure(question, size, others, minimum - size))


def everything_tried(worlds: Iterable[World]) -> Tried:
    total = Tried()
    for seed, world in enumerate(worlds):
        tried = attack(world, Random(seed))
        total.looks += tried.looks
        total.exposed += tried.exposed
    return total


@pytest.fixture(scope="module", params=sizes("differencing", "small", "large"))
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stories(size: str) -> list[Story]:
    return [story(seed) for seed in range(STORIES[size])]


def years(number: int, waves: int = 4) -> list[Story]:
    """Organisations of one small group that asked so often.

    In some of the waves so few answered a question that it was hidden.
    """
    found = []
    for seed in range(number):
        source = Random(1000 + seed)
        tallies = [invented(source, {"G0": source.randint(12, 24)}, 5) for _ in range(3 * waves)]
        counted = [tally for tally in tallies if tally.answered >= 5][:waves]
        found.append(told(counted, [5] * len(counted)))
    return found


def test_k_less_c_others_are_behind_every_figure_of_one_wave_two_waves_and_a_year(
    stories: list[Story],
) -> None:
    pairs = [found for found in stories if len(found.documents) > 1]
    assert len(pairs) > len(stories) / 3
    tried = everything_tried(map(world_of, stories))
    assert tried.looks > 5_000
    assert tried.exposed == []


def test_k_less_c_others_are_behind_every_figure_of_a_year_with_hidden_waves(size: str) -> None:
    found = years(STORIES[size])
    assert sum(bool(each.documents[-1].get("year")) for each in found) > len(found) / 2
    assert everything_tried(map(world_of, found)).exposed == []


def test_k_less_c_others_are_behind_every_figure_of_a_trend_with_hidden_waves(size: str) -> None:
    found = years(STORIES[size], waves=8)
    trends = [m["trend"] for each in found for m in each.documents[-1]["measures"] if "trend" in m]
    assert sum(trend["waves"] < 8 for trend in trends) > len(found) / 2
    assert everything_tried(map(world_of, found)).exposed == []


def test_k_less_c_others_are_behind_every_figure_of_a_quarter_and_its_thirds(size: str) -> None:
    quarters = [quarter_story(seed) for seed in range(QUARTERS[size])]
    tried = everything_tried(map(world_of_quarter, quarters))
    assert tried.looks > 5_000
    assert tried.exposed == []


def only_below(answers: Sequence[tuple[str, int]], threshold: int) -> frozenset[str]:
    return frozenset(name for name, number in answers if number < threshold)


def however_few(wave: Sequence[Stratum]) -> bool:
    """The seeded fault: a wave counts with any number of answers."""
    return any(sum(stratum.counts) for stratum in wave)


def with_one_less(size: str, _monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An exporter that publishes a group from one answer less than it needs."""
    for seed in range(WITH_A_FAULT[size]):
        yield world_of(story(seed), csv_from_one_less)


def without_companions(size: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A product that hides a small cell alone, so that it follows from the rest."""
    monkeypatch.setattr(product_cells, "hidden_cells", only_below)
    for seed in range(WITH_A_FAULT[size]):
        yield world_of(story(seed))


def with_hidden_waves_in_the_year(size: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A year that takes in waves in which the question was hidden."""
    for module in (years_of_findings, years_of_waves):
        monkeypatch.setattr(module, "is_counted", however_few)
    yield from map(world_of, years(WITH_A_FAULT[size]))


def with_hidden_waves_in_the_trend(size: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A trend that takes in waves in which the question was hidden."""
    monkeypatch.setattr(trends_of_waves, "is_counted", however_few)
    yield from map(world_of, years(WITH_A_FAULT[size], waves=8))


def with_hidden_thirds_in_the_quarter(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A quarter that adds up the answers of thirds in which the question was hidden."""
    monkeypatch.setattr(pooling, "_together", everything_together)
    for seed in range(QUARTERS[size]):
        yield world_of_quarter(quarter_story(seed))


FAULTS: dict[str, Callable[[str, pytest.MonkeyPatch], Iterator[World]]] = {
    "an exporter with k - 1": with_one_less,
    "small cells hidden alone": without_companions,
    "a year of hidden waves": with_hidden_waves_in_the_year,
    "a trend of hidden waves": with_hidden_waves_in_the_trend,
    "a quarter of hidden thirds": with_hidden_thirds_in_the_quarter,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_leaves_too_few_others_is_caught(
    size: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    assert everything_tried(FAULTS[fault](size, monkeypatch)).exposed


def published_by(app: Flask, slugs: Sequence[str], minimum: int = 5) -> World:
    """What a manager gets of these waves from the running application: JSON, CSV and table."""
    mira = signed_in(browser(app), "manager")
    world = World(minimum=minimum)
    for slug in slugs:
        document: Document = json.loads(canonical_json(find_findings(slug).document))
        file = mira.get(f"/findings/{slug}.csv")
        assert file.status_code == 200
        world.figures += document_figures(document)
        world.figures += table_figures(document)
        world.figures += csv_figures(file.data.decode("utf-8-sig"), groups_shown([document]))
    return world


@on_postgresql("attacks")
def test_a_wave_of_the_running_application_keeps_k_less_c_others(app: Flask) -> None:
    company = small_company(app)
    slug = company.wave.slug
    world = published_by(app, [slug])
    groups = {"Board": MERGED, "Legal": MERGED}
    for question, given in ANSWERS.items():
        for department, scores in given.items():
            cell = question, (slug, groups.get(department, department))
            answers = len(scores.replace("-", "").replace("x", ""))
            world.truth[cell] = world.truth.get(cell, 0) + answers
    tried = attack(world, Random(26))
    assert tried.looks > 200
    assert tried.exposed == []


@on_postgresql("attacks")
def test_a_quarter_of_the_running_application_keeps_k_less_c_others(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app)
    slugs = [third.slug for third in quarter.thirds]
    world = published_by(app, slugs)
    for slug, third in zip(slugs, quarter.thirds, strict=True):
        answers = find_findings(third.slug).document["answered"]
        # All but one say how much time they lost.
        world.truth |= {
            ("OVR1", (slug, ONE_THIRD)): answers,
            ("EFF2", (slug, ONE_THIRD)): answers - 1,
        }
    whole = find_findings(quarter.pool.slug).document
    for figure in document_figures(whole):
        world.figures.append(replace(figure, cells=frozenset((slug, ONE_THIRD) for slug in slugs)))
    tried = attack(world, Random(26))
    assert tried.looks > 50
    assert tried.exposed == []

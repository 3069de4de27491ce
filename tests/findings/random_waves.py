"""Random waves of every kind, and the findings that the product makes of them."""

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.evidence import EarlierWave, Evidence, Third, Withholding
from survey.findings.document.rules.pooling import pool_thirds_cells
from survey.questionnaires.rules import Question, Questionnaire, Scale, ScaleKind
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.statistics.suppression import joined_group_name, merge_small, merge_to_invited
from survey.waves.rules.thirds import ALL_THIRDS, ONE_THIRD
from survey.waves.rules.waves import ReportingGroup, Target, Wave
from tests.findings.test_presentation import FIVE, LOST, NPS, wave

Document = dict[str, Any]
Random = np.random.Generator

YES_NO = Scale("yes", ScaleKind.CHOICE, (1, 2), ("Yes", "No"), top=frozenset({1}))
NAMES = {
    "OVR1": ("Satisfied overall", FIVE),
    "RSP1": ("Someone starts quickly", FIVE),
    "RES1": ("Solved at the first attempt", FIVE),
    "COM1": ("Kept informed", FIVE),
    "REL1": ("Everyday systems are reliable", FIVE),
    "SEC1": ("Data are kept safe", FIVE),
    "EFF2": ("Working time lost", LOST),
    "NPS1": ("Would recommend", NPS),
    "YES1": ("Was told", YES_NO),
    "FEW1": ("Rarely needed", FIVE),
}
ASKED = tuple(Question(key, 1, name, "", f"{name}?", scale) for key, (name, scale) in NAMES.items())
FORM = Questionnaire.of(
    slug="example", title="Example", language="en", preamble="", questions=ASKED
)
DEPARTMENTS = ("Sales", "Service", "Warehouse", "Finance", "Legal", "Research", "Board", "Press")
TARGETS = (0.5, 0.6, 0.65, 0.7, 0.725, 0.8, 0.85, 0.9, 0.95)
NEWEST = date(2027, 1, 11)
KINDS = ("whole", "whole", "whole", "whole", "whole", "third", "quarter")


@dataclass(frozen=True)
class Company:
    """What stays the same over the waves of a random company, or drifts from wave to wave.

    `level` is the satisfied share of each question, `drift` what it moves by per wave; `apart` is
    by how much each department lies above the others, `shock` how much a wave swings for everybody.
    `answering` is the response, `blank` and `opted_out` the shares who leave a question blank or
    opt out of it.
    """

    sizes: dict[str, int]
    level: dict[str, float]
    drift: dict[str, float]
    apart: dict[str, float]
    shock: float
    answering: float
    blank: float
    opted_out: float
    is_mix_moving: bool


@dataclass(frozen=True)
class RandomWave:
    """A random wave with its findings, and those of earlier waves (oldest first) for its page."""

    seed: int
    wave: Wave
    document: Document
    earlier: tuple[Document, ...]


def random_wave(seed: int) -> RandomWave:
    """The findings of a random wave; the same for the same seed."""
    source = np.random.default_rng(seed)
    kind = str(source.choice(KINDS))
    company = _company(source, kind)
    past = int(source.choice((0, 0, 1, 2, 4, 5, 7, 9))) if kind != "third" else 0
    earlier = [_earlier_wave(source, company, kind, -back) for back in range(1, past + 1)]
    if kind == "quarter":
        this, tally, thirds = _quarter(source, company, 0)
    else:
        this, tally, thirds = _this_wave(source, company, kind), _tally(source, company, 0), ()
    evidence = Evidence(earlier, _scores(source, tally), thirds=thirds)
    withheld = Withholding({"REL1": 1}) if source.random() < 0.1 else Withholding()
    found = compute_document(this, "Brightline IT", FORM, tally, evidence, withheld)
    drawn = earlier[::-1] if source.random() < 0.2 else ()
    return RandomWave(seed, this, _stored(found), tuple(_alone(each, kind) for each in drawn))


def _company(source: Random, kind: str) -> Company:
    people = int(np.exp(source.uniform(np.log(8 if kind != "whole" else 5), np.log(400))))
    if kind != "whole":
        sizes = {ONE_THIRD: max(8, people)}
    else:
        number = int(source.integers(1, min(8, max(1, people // 6)) + 1))
        shares = source.dirichlet(np.full(number, 2.0))
        parts = np.maximum(1, np.rint(people * shares).astype(int)).tolist()
        sizes = dict(zip(DEPARTMENTS, parts, strict=False))
    style = source.choice(("mixed", "mixed", "mixed", "high", "unanimous"))
    levels = {"mixed": (0.1, 0.95), "high": (0.85, 0.99), "unanimous": (1.0, 1.0)}[str(style)]
    spread = float(source.choice((0, 0, 0.1, 0.25)))
    return Company(
        sizes,
        level={question: source.uniform(*levels) for question in NAMES},
        drift={question: float(source.choice((0, 0, 0.03, -0.03, 0.06))) for question in NAMES},
        apart={name: spread * source.standard_normal() for name in sizes},
        shock=float(source.choice((0, 0, 0.05, 0.1))),
        answering=float(source.choice((0.35, 0.5, 0.65, 0.8, 0.95, 1.0))),
        blank=float(source.choice((0, 0, 0.03, 0.15))),
        opted_out=float(source.choice((0, 0, 0.05, 0.3))),
        is_mix_moving=bool(source.random() < 0.2),
    )


def _this_wave(source: Random, company: Company, kind: str) -> Wave:
    facts: dict[str, Any] = {"targets": _targets(source)}
    facts["baseline"] = bool(source.random() < 0.15)
    facts["imported"] = bool(source.random() < 0.1)
    facts["closed_early"] = "the office was flooded" if source.random() < 0.1 else None
    if kind == "third":
        facts |= {"quarter": "2027-q1", "third": int(source.integers(1, 4))}
    return wave(NEWEST.isoformat(), **facts)


def _targets(source: Random) -> dict[str, Target]:
    """No targets, the same for all, or one for some questions."""
    style = source.choice(("none", "alike", "own", "own"))
    if style == "none":
        return {}
    alike = float(source.choice(TARGETS))
    chosen = [key for key in NAMES if key != "NPS1" and source.random() < 0.7]
    return {
        key: Target(alike if style == "alike" else float(source.choice(TARGETS))) for key in chosen
    }


def _tally(source: Random, company: Company, number: int) -> Tally:
    """The counts of the company's wave so many waves from the newest; at least 5 answer."""
    frozen = merge_to_invited(sorted(_sizes(company, number).items()))
    rate = min(1.0, company.answering * source.uniform(0.8, 1.2)) if company.answering < 1 else 1
    answered = {group.name: int(source.binomial(group.invited, rate)) for group in frozen}
    for group in frozen:
        missing = 5 - sum(answered.values())
        answered[group.name] += min(max(missing, 0), group.invited - answered[group.name])
    shock = company.shock * source.standard_normal()
    tilt = {group.name: company.apart[group.members[0]] for group in frozen}
    single = {
        question.id: {
            name: _cell(source, company, question, many, number, shock + tilt[name])
            for name, many in answered.items()
        }
        for question in ASKED
    }
    published, cells = [], {question: {} for question in single}
    for merged in merge_small([(g.name, g.invited, answered[g.name]) for g in frozen]):
        departments = sorted(name for g in frozen if g.name in merged.members for name in g.members)
        name = merged.name if len(merged.members) == 1 else joined_group_name(departments)
        published.append(
            PublishedGroup(name, merged.members, merged.invited, merged.answers, tuple(departments))
        )
        for question, by_group in single.items():
            first, *more = (by_group[member] for member in merged.members)
            cells[question][name] = sum(more, first)
    silent = sum(_sizes(company, number).values()) - sum(answered.values())
    unreadable = min(silent, int(source.choice((0, 0, 0, 0, 1, 2))))
    return Tally(tuple(published), cells, int(source.integers(0, 9)), unreadable)


def _sizes(company: Company, number: int) -> dict[str, int]:
    """How many people each department had; where the mix moves, the first was larger before."""
    if not company.is_mix_moving or number == 0:
        return company.sizes
    first = next(iter(company.sizes))
    return company.sizes | {first: company.sizes[first] * (1 - number)}


def _cell(
    source: Random, company: Company, question: Question, many: int, number: int, moved: float
) -> CellCounts:
    """The answers of so many people to a question, some of whom leave it blank or opt out."""
    is_rare = question.id == "FEW1"
    silent = [company.blank, company.opted_out + (0.5 if is_rare else 0)]
    _, opted_out, answers = source.multinomial(many, [*silent, max(0.0, 1 - sum(silent))]).tolist()
    level = company.level[question.id]
    share = float(np.clip(level + company.drift[question.id] * number + moved, 0.02, 1))
    counts = source.multinomial(answers, _shape(question, 1.0 if level == 1 else share))
    return CellCounts(tuple(counts.tolist()), int(opted_out))


def _shape(question: Question, share: float) -> np.ndarray:
    """How often each point of a scale is chosen where so large a share is satisfied."""
    scale = question.scale
    best = scale.top or scale.promoters or frozenset()
    is_best = np.array([code in best for code in scale.codes])
    share = 1 - share if scale.kind is ScaleKind.BRACKET else share
    weights = 1.0 + np.arange(len(scale.codes))
    shape = np.where(is_best, share * weights / weights[is_best].sum(), 0.0)
    shape += np.where(is_best, 0.0, (1 - share) * weights / weights[~is_best].sum())
    return shape / shape.sum()


def _quarter(
    source: Random, company: Company, number: int
) -> tuple[Wave, Tally, tuple[Third, ...]]:
    """The added-up result of three thirds, with these; one of them may have few answers."""
    tallies = [_tally(source, company, number) for _ in range(3)]
    opened = NEWEST + timedelta(weeks=13 * number)
    key = f"{opened.year}-q{(opened.month + 2) // 3}"
    invited = sum(tally.invited for tally in tallies)
    pool = wave(
        opened.isoformat(),
        quarter=key,
        period=key,
        targets=_targets(source),
        groups=(ReportingGroup(ALL_THIRDS, invited, ("Sales",)),),
    )
    thirds = tuple(
        Third(f"third-{at}", f"2027-0{at}", opened, tally.invited, tally.answered, None)
        for at, tally in enumerate(tallies, 1)
    )
    return pool, pool_thirds_cells(pool, FORM, tallies), thirds


def _earlier_wave(source: Random, company: Company, kind: str, number: int) -> EarlierWave:
    opened = NEWEST + timedelta(weeks=13 * number)
    quarter = None
    if kind == "quarter":
        pool, tally, _ = _quarter(source, company, number)
        quarter = pool.quarter
    else:
        tally = _tally(source, company, number)
    is_imported = kind == "whole" and number < -3 and source.random() < 0.3
    return EarlierWave(
        f"it-{opened.isoformat()}", opened, is_imported, FORM, tally, quarter=quarter
    )


def _scores(source: Random, tally: Tally) -> list[str]:
    """One string of scores per response, which only the key drivers need."""
    scored = [question for question in ASKED if question.scale.codes]
    return [
        "".join("0123456789A"[source.choice(question.scale.codes)] for question in scored)
        for _ in range(tally.answered if tally.answered > 150 else 0)
    ]


def _alone(earlier: EarlierWave, kind: str) -> Document:
    """An earlier wave's findings as its own page showed them, without what came before."""
    facts: dict[str, Any] = {"imported": earlier.imported, "slug": earlier.slug}
    if earlier.quarter:
        facts |= {"quarter": earlier.quarter, "period": earlier.quarter}
    earlier_wave = replace(wave(earlier.opened.isoformat()), **facts)
    return _stored(compute_document(earlier_wave, "Brightline IT", FORM, earlier.tally))


def _stored(document: Any) -> Document:
    """A document as it comes out of the database."""
    return dict(json.loads(canonical_json(document)))

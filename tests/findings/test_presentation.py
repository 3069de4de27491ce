"""The worked example of 58 people as a page and a mail show it.

42 answered; some groups are too few to be shown.
"""

import copy
import re
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from survey.access.rules.audit_log import LogHead
from survey.charts.drawings import range_cells
from survey.findings.document.rules.comparisons import changes_in_words
from survey.findings.document.rules.compute import compute_document
from survey.findings.words.rules import wording
from survey.findings.words.rules.presentation import Presentation, present_document
from survey.kernel.plurals import how_many
from survey.questionnaires.rules import Question, Scale, ScaleKind, numeric_scale
from survey.questionnaires.rules import Questionnaire as Asked
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.waves.rules.waves import Target, Wave, WaveState

TEMPLATES = Path(__file__).parents[2] / "templates"
GROUPS = (
    ("Sales", 14, 10),
    ("Service", 15, 12),
    ("Warehouse", 15, 11),
    ("Finance and Legal", 14, 9),
)
FIVE = Scale(
    "sat5",
    ScaleKind.ORDINAL,
    (1, 2, 3, 4, 5),
    ("Very low", "Low", "Middle", "High", "Very high"),
    top=frozenset({4, 5}),
)
NPS = Scale(
    "nps",
    ScaleKind.NPS,
    tuple(range(11)),
    tuple(map(str, range(11))),
    promoters=frozenset({9, 10}),
    detractors=frozenset(range(7)),
)
BOUNDS = ((0.0, 0.0), (0.0, 0.5), (0.5, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 40.0))
LOST = Scale(
    "lost",
    ScaleKind.BRACKET,
    (1, 2, 3, 4, 5, 6),
    tuple("abcdef"),
    top=frozenset({4, 5, 6}),
    hours=BOUNDS,
)
LOG = LogHead(1234, "sha256:" + "0123456789abcdef" * 4)
# Per group: satisfied, answers, opt-outs.
EXAMPLE = {
    "OVR1": ("Satisfied overall", [(7, 10, 0), (9, 12, 0), (7, 11, 0), (6, 9, 0)], 0.70),
    "RSP1": ("Someone starts quickly", [(4, 8, 2), (7, 10, 2), (5, 9, 2), (4, 6, 3)], 0.60),
    "RES1": ("Solved at the first attempt", [(3, 8, 2), (3, 9, 3), (3, 9, 2), (2, 4, 5)], 0.60),
    "COM1": ("Kept informed", [(2, 8, 2), (9, 10, 2), (1, 8, 3), (1, 6, 3)], 0.60),
    "REL1": (
        "Everyday systems are reliable",
        [(5, 10, 0), (7, 12, 0), (4, 11, 0), (5, 9, 0)],
        0.65,
    ),
    "SEC1": ("Data are kept safe", [(9, 10, 0), (11, 12, 0), (9, 11, 0), (8, 9, 0)], 0.75),
}
TARGETS = {question: Target(target) for question, (_, _, target) in EXAMPLE.items()}
Document = dict[str, Any]


def questions(*more: Question) -> tuple[Question, ...]:
    return (
        *(Question(key, 1, name, "", f"{name}?", FIVE) for key, (name, _, _) in EXAMPLE.items()),
        *more,
    )


def wave(opened: str = "2027-01-11", **more: Any) -> Wave:
    opens = datetime.fromisoformat(f"{opened}T09:00")
    fields: dict[str, Any] = {
        "id": "w",
        "slug": f"it-{opened}",
        "survey_id": "s",
        "survey": "IT support",
        "provider_id": "p",
        "period": "2027-q1",
        "state": WaveState.COUNTED,
        "opens": opens,
        "closes": opens + timedelta(days=14),
        "timezone": "Europe/London",
        "audience": "all",
        "invited": 58,
        "questionnaire_version": "v",
        "minimum_group": 5,
        "minimum_detail": 10,
        "targets": TARGETS,
        "groups": (),
        "public_key": None,
        "imported": False,
        "baseline": False,
        "one_off": False,
        "closed_early": None,
        "void_reason": None,
        "void_words": None,
        "extended_days": 0,
    }
    return Wave(**(fields | more))


def five(satisfied: int, answers: int) -> tuple[int, ...]:
    rest = answers - satisfied
    return rest // 3, rest // 3, rest - 2 * (rest // 3), satisfied - satisfied // 3, satisfied // 3


def tally(
    asked_questions: tuple[Question, ...],
    answers: dict[str, list[tuple[int, ...]]] | None = None,
    **more: Any,
) -> Tally:
    """The example's cells; `answers` gives counts per group for further questions."""
    names = [name for name, _, _ in GROUPS]
    cells = {
        key: {
            name: CellCounts(five(x, n), out)
            for name, (x, n, out) in zip(names, groups, strict=True)
        }
        for key, (_, groups, _) in EXAMPLE.items()
    }
    for key, counts in (answers or {}).items():
        cells[key] = {
            name: CellCounts(group_counts, 0)
            for name, group_counts in zip(names, counts, strict=True)
        }
    groups = tuple(
        PublishedGroup(name, tuple(name.split(" and ")), invited, answered)
        for name, invited, answered in GROUPS
    )
    return replace(Tally(groups, {q.id: cells[q.id] for q in asked_questions}, 12, 0), **more)


def document(
    opened: str = "2027-01-11",
    *more: Question,
    answers: dict[str, list[tuple[int, ...]]] | None = None,
    unreadable: int = 0,
    **wave_facts: Any,
) -> Document:
    asked_questions = questions(*more)
    form = Asked.of(
        slug="example", title="Example", language="en", preamble="", questions=asked_questions
    )
    return compute_document(
        wave(opened, **wave_facts),
        "Brightline IT",
        form,
        tally(asked_questions, answers, unreadable=unreadable),
    )


def sentences(results: Presentation) -> str:
    """All that the generated part of a page says."""
    return " ".join(
        (
            results.headline,
            results.outcome,
            results.changed,
            results.lede,
            *results.notes,
            *(m.silence for m in results.measures),
        )
    )


@pytest.fixture(scope="module")
def example() -> Document:
    return document()


def test_the_worked_example_is_printed_as_designed_furthest_below_target_first(
    example: Document,
) -> None:
    assert [
        (m.question, m.printed, m.answers, m.target, m.verdict)
        for m in present_document(example).measures
    ] == [
        ("RES1", "37% (26 to 50)", 30, "60%", "Misses target"),
        ("COM1", "38% (29 to 48)", 32, "60%", "Misses target"),
        ("REL1", "50% (41 to 59)", 42, "65%", "Misses target"),
        ("OVR1", "69% (60 to 78)", 42, "70%", "Too close to call"),
        ("RSP1", "61% (48 to 72)", 33, "60%", "Too close to call"),
        ("SEC1", "88% (81 to 92)", 42, "75%", "Meets target"),
    ]


def test_beside_each_target_stands_what_those_who_did_not_answer_could_change(
    example: Document,
) -> None:
    """How many of them it takes, and how much keener to answer one side would have had to be."""
    met, missed = "It is met only if dissatisfied", "It is missed only if satisfied"
    assert {m.question: m.silence for m in present_document(example).measures} == {
        "RES1": (
            "The target of 60% would be missed even if all of the 16 people who did not answer"
            " were satisfied."
        ),
        "COM1": (
            "To reach the target, all of the 16 people who did not answer would have to be"
            f" satisfied. {met} colleagues were more than 100 times as eager to answer."
        ),
        "REL1": (
            "The target of 65% would be missed even if all of the 16 people who did not answer"
            " were satisfied."
        ),
        "OVR1": (
            "To reach the target, 12 of the 16 people who did not answer would have to be"
            f" satisfied. {met} colleagues were 1.2 times as eager to answer."
        ),
        "RSP1": (
            "To reach the target, 10 of the 16 people who did not answer would have to be"
            f" satisfied. {missed} colleagues were 1.1 times as eager to answer."
        ),
        "SEC1": (
            "To reach the target, 7 of the 16 people who did not answer would have to be"
            f" satisfied. {missed} colleagues were 11 times as eager to answer."
        ),
    }


def test_headline_subject_and_lede_follow_from_the_verdicts(example: Document) -> None:
    results = present_document(example)
    assert results.headline == wording.headline(
        [m["verdict"] for m in example["measures"] if m.get("verdict")], 42, 58
    )
    assert results.outcome == "1 of 6 measures meets target"
    assert results.lede.startswith(
        "Below target: Solved at the first attempt, Kept informed and Everyday systems are"
        " reliable. 42 of 58 people answered (72%)."
    )
    assert (results.silent, results.period, results.whom) == (16, "Q1 2027", "")


def test_a_hidden_cell_and_the_one_hidden_for_its_sake_are_alike_and_hold_no_number(
    example: Document,
) -> None:
    results = present_document(example)
    place = results.columns.index("Solved at the first attempt")
    cells = {row.name: row.cells[place] for row in results.groups}
    assert cells["Sales"] == cells["Finance and Legal"]
    assert not re.search(r"\d", cells["Sales"].score + cells["Sales"].range)
    assert cells["Sales"].answers is None
    assert cells["Service"].answers == 9


def test_all_groups_stand_in_one_table_and_merged_ones_are_named_once(example: Document) -> None:
    results = present_document(example)
    assert [(row.name, row.invited) for row in results.groups] == [
        (name, invited) for name, invited, _ in GROUPS
    ]
    assert results.merged == (
        "Finance and Legal were counted together, so that nobody can be identified.",
    )


def test_a_group_is_marked_only_where_it_clearly_differs_from_the_rest(example: Document) -> None:
    marked = copy.deepcopy(example)
    for measure in marked["measures"]:
        if measure["question"] == "COM1" and measure["statistic"] == "top2" and measure["group"]:
            clear = measure["group"] in {"Service", "Warehouse"}
            estimate = 0.6 if measure["group"] == "Service" else -0.3
            way = ("up" if estimate > 0 else "down") if clear else "unclear"
            measure["against_rest"] = {"shown": True, "estimate": estimate, "direction": way}
    results = present_document(marked)
    place = results.columns.index("Kept informed")
    assert [row.cells[place].look for row in results.groups] == ["", "higher", "lower", ""]


def test_under_half_every_score_is_said_to_be_of_those_who_answered(example: Document) -> None:
    few = present_document(example | {"answered": 24, "response_rate": 24 / 58})
    assert few.whom == "of those who answered"
    assert "24 of 58 people answered (41%). Every score is of those who answered." in few.lede


EVERYONE = [(7, 14), (9, 15), (7, 15), (6, 14)]


def all_answered(*questions: str) -> Document:
    """The example with an answer of everybody to these questions."""
    counts = {key: [five(x, n) for x, n in EVERYONE] for key in questions}
    return document(answers=counts)


def test_where_everyone_answered_no_range_is_announced() -> None:
    everyone = present_document(all_answered(*EXAMPLE))
    assert everyone.lede.endswith("Everyone answered every question, so a score has no range.")
    assert {m.range for m in everyone.measures} == {"everyone answered"}
    assert {m.silence for m in everyone.measures} == {"Everyone answered."}


def test_where_some_questions_were_answered_by_everyone_both_are_said() -> None:
    """However many sent a form: blanks decide."""
    some = present_document(all_answered("OVR1", "REL1") | {"answered": 58, "response_rate": 1.0})
    assert some.lede.endswith(
        "58 of 58 people answered (100%). A range says what everybody asked would very likely have"
        " said (95%), if those who did not answer think like those who did. A question that"
        " everyone answered has no range."
    )
    ranges = {m.question: m.range for m in some.measures}
    assert (ranges["OVR1"], ranges["SEC1"]) == ("everyone answered", "81 to 92")


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        (
            {"imported": True},
            (
                "Imported from another tool: Candour cannot vouch for how these answers were"
                " collected."
            ),
        ),
        (
            {"closed_early": "the provider changed"},
            "Closed before its planned date (reason: the provider changed).",
        ),
        ({"baseline": True}, "Baseline wave: it helps to set targets and carries no consequence."),
        ({"unreadable": 1}, "1 answer could not be read."),
        ({"unreadable": 3}, "3 answers could not be read."),
    ],
)
def test_what_a_reader_must_know_stands_under_the_headline(
    facts: dict[str, Any], note: str
) -> None:
    assert present_document(document(**facts)).notes == (note,)


def test_strengths_and_problems_stand_by_verdict(example: Document) -> None:
    contrast = present_document(example).contrast
    assert [m.question for m in contrast.strengths] == ["SEC1", "RSP1"]
    assert [m.question for m in contrast.problems] == ["RES1", "COM1"]
    assert (contrast.of_strengths, contrast.of_problems) == ("", "")
    assert [m.judged for m in contrast.strengths] == [
        "Meets target of 75%",
        "Too close to call at 60%",
    ]


def test_where_nothing_meets_or_misses_that_is_said() -> None:
    low = present_document(document(targets={key: Target(0.97) for key in EXAMPLE})).contrast
    assert low.of_strengths == "Nothing clearly meets its target; these come closest."
    high = present_document(document(targets={key: Target(0.05) for key in EXAMPLE})).contrast
    assert high.of_problems == "Nothing clearly misses its target; these have the least to spare."


def test_without_targets_nothing_is_judged_and_nothing_claimed() -> None:
    results = present_document(document(targets={}))
    assert {(m.target, m.verdict, m.look, m.silence, m.judged) for m in results.measures} == {
        ("", "", "", "", "")
    }
    assert results.outcome == results.headline == "42 of 58 people answered"
    assert results.contrast.of_strengths == "No targets are set; these score highest."
    assert [m.question for m in results.contrast.problems] == ["RES1", "COM1"]


def changing(
    document: Document, question: str, low: float, high: float, direction: str
) -> Document:
    changed = copy.deepcopy(document)
    for measure in changed["measures"]:
        if (
            measure["question"] == question
            and measure["statistic"] == "top2"
            and measure["group"] is None
        ):
            measure["change"] = {
                "since": "it-2026-10-12",
                "opened": "2026-10-12",
                "imported": False,
                "shown": True,
                "direction": direction,
                "estimate": (low + high) / 2,
                "low": low,
                "high": high,
                "detectable": 0.75 * (high - low),
            }
    changed["changed"] = changes_in_words(
        changed["measures"], {key: name for key, (name, _, _) in EXAMPLE.items()}
    )
    return changed


def test_no_clear_change_names_its_wave_and_what_would_have_shown(example: Document) -> None:
    results = present_document(
        changing(example, "OVR1", -0.089, 0.328, "unclear"), [document("2026-10-12")]
    )
    assert results.change is not None
    assert (results.change.score, results.change.range, results.change.words) == (
        "+12",
        "\u22129 to +33",
        "No clear change",
    )
    assert results.change.since == "the wave of October 2026"
    assert (
        results.change.detectable
        == "With this many answers only a change of about 31 points or more can be detected."
    )
    assert results.changed == ""


def test_a_clear_change_is_the_headlines_second_sentence(example: Document) -> None:
    results = present_document(
        changing(example, "COM1", 0.05, 0.42, "up"), [document("2026-10-12")]
    )
    assert results.changed == "Clearly up since the wave of October 2026: Kept informed."


def test_the_first_wave_says_so_and_draws_no_trend(example: Document) -> None:
    assert present_document(example).is_first
    assert present_document(example).trend is None
    assert not present_document(example, [document("2026-10-12")]).is_first


def test_the_trend_shows_comparison_ranges_which_are_wider_than_those_of_the_scores(
    example: Document,
) -> None:
    results = present_document(example, [document("2026-07-13"), document("2026-10-12")])
    assert results.trend is not None
    assert results.trend.rows[-1] == ("Jan 27", "69%", "53 to 81", "42")
    newest, score = results.trend.points[-1].score, results.overall
    assert newest is not None
    assert score is not None
    assert score.chart is not None
    assert newest.high - newest.low > score.chart.high - score.chart.low
    assert results.trend.target == pytest.approx(70)


def test_a_missing_wave_another_wording_and_an_imported_one_are_marked(example: Document) -> None:
    reworded = copy.deepcopy(example)
    reworded["questions"][0]["revision"] = 2
    days = ["2025-10-13", "2026-01-12", "2026-07-13", "2026-10-12"]
    results = present_document(reworded, [document(day, imported=day == days[0]) for day in days])
    assert results.trend is not None
    assert [point.starts_line for point in results.trend.points] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert [point.is_imported for point in results.trend.points] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert (results.trend.rows[0][0], results.trend.rows[-1][0]) == (
        "Oct 25 (imported)",
        "Jan 27 (another wording)",
    )
    assert len(results.trend.notes) == 2
    assert all(sooner.at < later.at for sooner, later in pairwise(results.trend.points))


def test_a_wave_whose_score_is_hidden_leaves_a_gap_and_its_words(example: Document) -> None:
    hidden = copy.deepcopy(document("2026-10-12"))
    for at, measure in enumerate(hidden["measures"]):
        if (
            measure["question"] == "OVR1"
            and measure["statistic"] == "top2"
            and measure["group"] is None
        ):
            hidden["measures"][at] = {
                key: measure[key] for key in ("question", "statistic", "group")
            } | {
                "shown": False,
                "words": "Too few",
            }
    results = present_document(example, [document("2026-07-13"), hidden])
    assert results.trend is not None
    assert results.trend.points[1].score is None
    assert results.trend.rows[1] == ("Oct 26", "Too few", "", "")


def test_five_steps_have_sides_and_other_scales_a_plain_list() -> None:
    seven = Question("Q7", 1, "Seven", "", "Seven?", numeric_scale(7))
    nps = Question("OVR2", 1, "Would recommend", "", "Recommend?", NPS)
    answers = {"Q7": [(0, 1, 2, 2, 3, 1, 1)] * 4, "OVR2": [(0, 0, 0, 1, 0, 0, 1, 2, 2, 2, 1)] * 4}
    results = present_document(document("2027-01-11", seven, nps, answers=answers))
    distributions = {d.name: d for d in results.distributions}
    assert distributions["Satisfied overall"].diverges
    assert (
        distributions["Satisfied overall"].sides == (6, 7, 29)
        or sum(distributions["Satisfied overall"].sides) == 42
    )
    assert not distributions["Seven"].diverges
    assert [(label, count) for label, count, _ in distributions["Seven"].bars] == list(
        zip("1234567", (0, 4, 8, 8, 12, 4, 4), strict=True)
    )
    assert sum(share for _, _, share in distributions["Seven"].bars) == pytest.approx(100)
    own = {m.name: m for m in results.own_scales}
    assert (own["Would recommend"].scale, own["Seven"].scale) == ("\u2212100 to 100", "1 to 7")
    assert own["Would recommend"].chart is not None
    assert 0 < own["Would recommend"].chart.estimate < 100


def test_below_ten_answers_a_distribution_is_words() -> None:
    rare = Question("RAR1", 1, "Rare", "", "Rare?", FIVE)
    results = present_document(
        document(
            "2027-01-11",
            rare,
            answers={"RAR1": [(0, 0, 1, 1, 0), (0, 1, 1, 2, 0), (0, 0, 0, 1, 0), (0, 0, 0, 1, 0)]},
        )
    )
    distribution = next(d for d in results.distributions if d.name == "Rare")
    assert (distribution.counts, distribution.words) == ((), "Shown from 10 answers.")
    assert all(m.chart is None and not m.range for m in results.own_scales if m.name == "Rare")


def test_lost_time_is_a_share_and_the_hours_that_the_brackets_allow() -> None:
    lost = Question("EFF2", 1, "Working time lost", "", "Lost?", LOST)
    results = present_document(
        document(
            "2027-01-11",
            lost,
            answers={
                "EFF2": [
                    (2, 3, 3, 1, 1, 0),
                    (3, 4, 3, 1, 1, 0),
                    (3, 3, 3, 1, 1, 0),
                    (2, 3, 3, 1, 0, 0),
                ]
            },
        )
    )
    assert results.lost_time is not None
    assert results.lost_time.answers == 42
    assert re.fullmatch(r"\d+\.\d to \d+\.\d", results.lost_time.hours)
    assert present_document(document()).lost_time is None


def mail(results: Presentation, name: str) -> str:
    """One part of the findings mail, rendered as the letter does."""
    loader = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=name.endswith("html"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loader.filters["how_many"] = how_many
    words = {
        "client": "Northwind",
        "response": "72%",
        "opened": "11 January 2027",
        "closed": "25 January 2027",
        "version": 1,
    }
    words |= {
        "how": "https://feedback.northwind.example/how-we-count",
        "reply_by": "11 February 2027",
        "contact": "Dana Reyes",
    }
    asks = [m for m in results.measures if m.look == "misses"]
    return loader.get_template(f"findings/letters/{name}").render(
        results=results, asks=asks, digest="4f1c92ab", log=LOG, cells=range_cells, **words
    )


@pytest.mark.parametrize(
    "facts",
    [{}, {"targets": {}}, {"closed_early": "moved", "unreadable": 2}, {"imported": True}],
    ids=str,
)
def test_both_parts_of_the_mail_hold_the_same_numbers(facts: dict[str, Any]) -> None:
    results = present_document(document(**facts))
    html, text = mail(results, "findings.html"), mail(results, "findings.txt")
    body = html[html.index("<h1") :].replace("\u00a0", " ")
    words = re.sub(
        r"\s+",
        " ",
        re.sub(r"<[^>]+>|&nbsp;", "", body.replace('<td class="score">', '<td class="score"> ')),
    )
    for measure in results.measures:
        assert measure.printed in words
        assert measure.printed in text
    assert set(re.findall(r"\d+(?:\.\d+)?%?", words)) - {"95%"} == set(
        re.findall(r"\d+(?:\.\d+)?%?", text)
    ) - {"95%"}
    assert len(html.encode()) < 40_000
    assert not re.search(r"<(img|svg|script|form|iframe)|url\(", html)


def test_the_subject_carries_the_outcome(example: Document) -> None:
    assert (
        mail(present_document(example), "findings.subject.txt")
        == "Northwind staff survey, Q1 2027: 1 of 6 measures meets target"
    )


@pytest.mark.parametrize(
    "facts", [{}, {"targets": {}}, {"baseline": True, "imported": True, "unreadable": 1}], ids=str
)
def test_generated_text_never_claims_what_a_range_cannot(facts: dict[str, Any]) -> None:
    results = present_document(
        changing(document(**facts), "COM1", 0.05, 0.42, "up"), [document("2026-10-12")]
    )
    text = " ".join(
        (
            sentences(results),
            mail(results, "findings.html"),
            mail(results, "findings.txt"),
            mail(results, "findings.subject.txt"),
        )
    )
    assert not re.search(
        r"\b(better|worse|improved|declined|happy|happier|significant|margin of error)\b|±",
        text,
        re.IGNORECASE,
    )

"""The audit sees each kind of leak, and counting hides more until it finds none."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask import Flask

from survey.findings.document.rules import cells
from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.evidence import EarlierWave, Evidence, Withholding
from survey.findings.document.rules.publication import find_leaks, hide_further, publication_faults
from survey.findings.service import sharing
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import check_publication, share_findings, sharing_recipients
from survey.findings.words.rules.wording import HIDDEN, MOST_OR_ALL, ONE_OR_NONE
from survey.kernel.errors import Refused
from survey.questionnaires.rules import Question, Questionnaire, Scale, ScaleKind
from survey.responses.rules import CellCounts
from survey.statistics import trends
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.cast import counted_company
from tests.findings.apart import weighted
from tests.findings.company import MERGED, new_small_company, small_company
from tests.findings.many_waves import QUARTERS
from tests.findings.test_presentation import GROUPS, five, questions, tally, wave
from tests.proofs import on_postgresql

Document = dict[str, Any]
YES_NO = Question(
    "FIX1",
    1,
    "Repaired",
    "",
    "Repaired?",
    Scale("yesno", ScaleKind.CHOICE, (1, 2), ("No", "Yes"), top=frozenset({2})),
)
ASKED = Questionnaire.of(
    slug="example", title="Example", language="en", preamble="", questions=questions(YES_NO)
)
YES = [(2, 8), (3, 9), (6, 5), (4, 4)]  # No and Yes per group


def told(
    yes: Sequence[tuple[int, int]] = YES,
    *before: EarlierWave,
    withheld: Withholding = Withholding(),  # noqa: B008
    **facts: Any,
) -> Document:
    counted = tally(ASKED.questions, {"FIX1": list(yes)})
    return compute_document(
        wave(**facts), "Brightline IT", ASKED, counted, Evidence(earlier=before), withheld
    )


def past(
    opened: str, yes: Sequence[tuple[int, int]] = YES, minimum: int = 5, **changed: Any
) -> EarlierWave:
    counted = tally(ASKED.questions, {"FIX1": list(yes)})
    counted = replace(counted, cells=counted.cells | changed)
    return EarlierWave(
        f"it-{opened}", date.fromisoformat(opened), False, ASKED, counted, minimum, max(10, minimum)
    )


def published(past: EarlierWave) -> Document:
    return compute_document(
        wave(past.opened.isoformat(), minimum_group=past.minimum_group),
        "Brightline IT",
        ASKED,
        past.tally,
    )


def measure(document: Document, question: str, statistic: str, group: str | None) -> dict[str, Any]:
    key = (question, statistic, group)
    return next(
        m for m in document["measures"] if (m["question"], m["statistic"], m["group"]) == key
    )


def hold_a_number(document: Document) -> None:
    measure(document, "RES1", "top2", "Finance and Legal")["answers"] = 4


def show_a_mean_of_nine(document: Document) -> None:
    hidden = measure(document, "OVR1", "mean", "Finance and Legal")
    hidden.update(
        measure(document, "OVR1", "mean", "Service"), group="Finance and Legal", answers=9
    )


def show_the_one_hidden_for_the_others_sake(document: Document) -> None:
    hidden = measure(document, "RES1", "top2", "Sales")
    shown = {"shown": True, "estimate": 3 / 8, "answers": 8, "population": 12}
    hidden.update(shown)


def weigh_apart(document: Document) -> None:
    measure(document, "RES1", "top2", None)["estimate"] += 0.001


def count_apart(document: Document) -> None:
    measure(document, "RES1", "top2", None)["effective_answers"] += 0.1


def name_a_group_of_four(document: Document) -> None:
    document["groups"][0]["answered"] = 4


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (hold_a_number, "a hidden cell holds a number"),
        (
            show_a_mean_of_nine,
            "OVR1: mean of Finance and Legal follows from the rest, with fewer than 10 answers",
        ),
        (
            show_the_one_hidden_for_the_others_sake,
            "RES1: top2 of Finance and Legal follows from the rest, with fewer than 5 answers",
        ),
        (
            weigh_apart,
            (
                "RES1: the company's top2 is weighed by more than the groups shown and all others"
                " as one"
            ),
        ),
        (count_apart, "RES1: the company's top2 is weighed by more than the groups shown"),
        (name_a_group_of_four, "Fewer than 5 people answered in Sales"),
    ],
)
def test_each_leak_is_seen_in_a_version_with_groups_and_is_none_without_them(
    spoil: Callable[[Document], None], reason: str
) -> None:
    document = copy.deepcopy(told())
    assert publication_faults(document) == ()
    spoil(document)
    assert [words for words in publication_faults(document) if reason in words], publication_faults(
        document
    )
    assert publication_faults(document, with_groups=False) == ()


def test_a_figure_of_the_company_below_its_minimum_is_seen_without_groups_too() -> None:
    document = copy.deepcopy(told())
    measure(document, "OVR1", "mean", None)["answers"] = 9
    assert publication_faults(document, with_groups=False) == (
        "OVR1: mean is shown for fewer than 10 answers.",
    )


def test_a_group_in_a_band_of_words_has_company_so_that_no_subtraction_undoes_it() -> None:
    document = told([(2, 8), (3, 9), (6, 5), (8, 1)])
    cells = {
        group: measure(document, "FIX1", "share", group)
        for group in ("Sales", "Service", "Warehouse", "Finance and Legal")
    }
    assert {group: cell.get("words") for group, cell in cells.items()} == {
        "Sales": HIDDEN, "Service": None, "Warehouse": None, "Finance and Legal": ONE_OR_NONE,
    }  # fmt: skip
    assert canonical_json(told([(2, 8), (3, 9), (6, 5), (9, 0)])) != canonical_json(document), (
        "the company's own value still counts everybody"
    )
    assert canonical_json(told([(1, 9), (3, 9), (6, 5), (9, 0)])) == canonical_json(document)
    assert publication_faults(document) == ()


def test_where_every_group_would_be_in_a_band_none_is() -> None:
    document = told([(8, 1), (9, 0), (1, 7), (0, 6)])
    assert {
        measure(document, "FIX1", "share", group)["words"]
        for group in ("Sales", "Finance and Legal")
    } == {HIDDEN}
    assert publication_faults(document) == ()


def test_a_later_wave_with_a_lower_minimum_tells_nothing_that_the_earlier_one_hid() -> None:
    answers = [
        ("Sales", 9, 10),
        ("Service", 9, 12),
        ("Warehouse", 3, 7),
        ("Finance and Legal", 1, 5),
    ]
    few = {"OVR1": {name: CellCounts(five(x, n), 0) for name, x, n in answers}}
    before = past("2026-10-12", minimum=8, **few)
    document, earlier = told(YES, before), published(before)
    now, then = measure(document, "OVR1", "top2", None), measure(earlier, "OVR1", "top2", None)
    assert now["estimate"] - now["change"]["estimate"] == pytest.approx(then["estimate"])
    assert publication_faults(document, [earlier]) == ()
    finer = told(YES, replace(before, minimum_group=5))
    assert (
        "OVR1: the change tells a value of it-2026-10-12 that was not published."
        in publication_faults(finer, [earlier], with_groups=False)
    )


def test_the_year_leaves_out_a_wave_that_was_said_in_a_band_of_words() -> None:
    nearly_all = [(0, 2), (1, 2), (0, 2), (0, 2)]
    banded, plain = past("2026-10-12", nearly_all), [past("2026-07-13"), past("2026-04-13")]
    document = told(YES, banded, *plain)
    earlier = [published(wave) for wave in (*plain, banded)]
    repaired = next(m for m in document["year"]["measures"] if m["question"] == "FIX1")
    yes = {name: (x, no + x) for (name, _, _), (no, x) in zip(GROUPS, YES, strict=True)}
    value, _ = weighted(yes, {name: invited for name, invited, _ in GROUPS})
    assert (repaired["waves"], repaired["estimate"]) == (3, pytest.approx(value))
    assert publication_faults(document, earlier) == ()
    repaired["waves"] = 4
    assert publication_faults(document, earlier, with_groups=False) == (
        "FIX1: the year tells a wave that was not published.",
    )


NEARLY_ALL = [(0, 2), (1, 2), (0, 2), (0, 2)]  # said in a band of words
TOLD_BY_TREND = ("FIX1: the trend tells a wave that was not published.",)


def a_trend() -> tuple[Document, list[Document]]:
    """A document after seven waves, of which one said a question in words, and the earlier ones."""
    waves = [past(day, NEARLY_ALL if at == 3 else YES) for at, day in enumerate(QUARTERS)]
    return told(YES, *waves), [published(wave) for wave in waves[::-1]]


def test_the_trend_leaves_out_a_wave_that_was_said_in_a_band_of_words() -> None:
    document, earlier = a_trend()
    trend = measure(document, "FIX1", "share", None)["trend"]
    assert (trend["waves"], f"it-{QUARTERS[3]}" in trend["slugs"]) == (7, False)
    assert measure(earlier[3], "FIX1", "share", None)["words"] == MOST_OR_ALL
    assert publication_faults(document, earlier) == ()


def test_a_trend_that_tells_a_value_which_was_not_published_is_seen() -> None:
    document, earlier = a_trend()
    measure(document, "FIX1", "share", None)["trend"]["first"] += 0.001
    assert publication_faults(document, earlier, with_groups=False) == TOLD_BY_TREND


def test_a_trend_through_a_wave_that_hid_its_value_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trends, "is_counted", lambda wave: True)
    document, earlier = a_trend()
    assert measure(document, "FIX1", "share", None)["trend"]["waves"] == 8
    assert publication_faults(document, earlier) == TOLD_BY_TREND


def only_below(answers: Sequence[tuple[str, int]], threshold: int) -> frozenset[str]:
    return frozenset(name for name, number in answers if number < threshold)


@on_postgresql("databases")
def test_what_would_leak_is_hidden_further_on_that_question_until_nothing_does(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "hidden_cells", only_below)
    findings = find_findings(new_small_company(app).wave.slug)
    assert findings.document["hidden_further"]["RES1"] == 1
    assert {
        measure(findings.document, "RES1", "top2", group).get("words")
        for group in ("Finance", MERGED)
    } == {HIDDEN}
    assert measure(findings.document, "RES1", "top2", "Service")["shown"]
    assert publication_faults(findings.document) == ()


def test_the_rules_alone_hide_enough(app: Flask) -> None:
    findings = find_findings(small_company(app).wave.slug)
    assert "hidden_further" not in findings.document
    check_publication(findings, with_groups=True)


def test_a_leak_across_waves_ends_the_comparison_and_hides_no_group() -> None:
    before = past("2026-10-12")
    other = copy.deepcopy(published(before))
    measure(other, "OVR1", "top2", None)["estimate"] += 0.01
    withheld = hide_further(Withholding(), find_leaks(told(YES, before), [other]))
    assert withheld == Withholding(apart=frozenset({"OVR1"}))
    document = told(YES, before, withheld=withheld)
    assert "change" not in measure(document, "OVR1", "top2", None)
    assert publication_faults(document, [other]) == ()


@on_postgresql("databases")
def test_a_version_that_leaks_is_not_sent_and_the_reasons_are_named(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = counted_company(app)
    otto = sharing_recipients(company.wave)[1][0]
    monkeypatch.setattr(
        sharing,
        "publication_faults",
        lambda document, earlier, *, with_groups: (
            ("OVR1: something follows.",) if with_groups else ()
        ),
    )
    with pytest.raises(Refused, match=r"nothing was sent\. Share it without groups") as refusal:
        share_findings(
            company.wave.slug, [otto.id], company.wave.closes_at, actor="test", with_groups=True
        )
    assert refusal.value.details == ("OVR1: something follows.",)
    assert waves.find_wave(company.wave.slug).state is WaveState.COUNTED
    assert (
        len(share_findings(company.wave.slug, [otto.id], company.wave.closes_at, actor="test")) == 1
    )

"""The shipped bank, saved versions, and files from elsewhere."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from survey.access.service import audit
from survey.kernel.errors import Refused
from survey.questionnaires import rules, service
from survey.questionnaires.rules import QuestionRole, ScaleKind
from survey.questionnaires.service import (
    find_questionnaire,
    question_bank,
    read_questionnaire,
    save_questionnaire,
    write_questionnaire,
)
from tests.proofs import on_postgresql

# Set, questions answered by a tap, open ones, minutes.
SETS = {
    "annual_full": (28, 3, 7),
    "contract_kpis_default": (3, 0, 1),
    "loop_check": (1, 0, 1),
    "managers_add_on": (3, 0, 1),
    "monthly_3": (2, 1, 1),
    "nps_yearly": (1, 1, 1),
    "quarterly_8": (7, 1, 2),
}
OPEN = {"OPN1", "OPN2", "OPN3"}


def test_the_bank_has_33_questions_in_14_themes_on_9_scales() -> None:
    bank = question_bank()
    assert len(bank) == 33
    assert len({question.dimension for question in bank.values()}) == 14
    assert Counter(question.scale.name for question in bank.values()) == {
        "sat5": 9,
        "freq5": 10,
        "agree5": 5,
        "ease5": 2,
        "text": 3,
        "nps11": 1,
        "lost6": 1,
        "contact4": 1,
        "yesno": 1,
    }
    assert all(question.revision == 1 for question in bank.values())
    assert {
        name for name, question in bank.items() if question.scale.kind is ScaleKind.TEXT
    } == OPEN


def test_no_word_of_the_bank_changes_by_accident() -> None:
    """Other words raise a question's revision; then this digest may follow.

    Names and roles are the product's own.
    """
    bank = json.loads(Path(service.__file__).with_name("bank.json").read_text("utf-8"))
    for question in bank["questions"]:
        assert 0 < len(question.pop("name")) <= 80
        question.pop("role", None)
    digest = hashlib.sha256(
        json.dumps(bank, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
    assert digest == "daa40d7b3246af7f5a397f4a24ffe0d0e03e7f0e2e8c60414ab7784ec73482fa"


@pytest.mark.parametrize("name", sorted(question_bank()))
def test_every_scale_of_the_bank_has_2_to_11_points_in_words_and_a_way_out(name: str) -> None:
    scale = question_bank()[name].scale
    if scale.kind is ScaleKind.TEXT:
        assert (scale.max_chars, scale.hint) == (
            1000,
            "Please do not name yourself or a colleague.",
        )
        return
    assert 2 <= len(scale.codes) == len(scale.labels) == len(set(scale.labels)) <= 11
    assert scale.codes == tuple(range(scale.codes[0], scale.codes[-1] + 1))
    assert scale.opt_out
    assert scale.opt_out not in scale.labels
    if scale.kind is ScaleKind.ORDINAL:
        assert scale.top == {4, 5}
    if scale.kind is ScaleKind.NPS:
        assert (scale.promoters, scale.detractors, len(scale.anchors or ())) == (
            {9, 10},
            set(range(7)),
            2,
        )


@on_postgresql("databases")
@pytest.mark.parametrize("slug", sorted(SETS))
def test_every_shipped_set_passes_its_own_checks(app: Flask, slug: str) -> None:
    asked = find_questionnaire(slug)
    assert rules.questionnaire_faults(asked) == ()
    assert (
        asked.scale_questions,
        len(asked.questions) - asked.scale_questions,
        asked.minutes,
    ) == SETS[slug]
    assert asked.version == 0
    assert [questionnaire.slug for questionnaire in service.list_questionnaires()] == sorted(SETS)


def test_the_default_wave_asks_no_more_than_eight_scale_questions_with_acc1(app: Flask) -> None:
    asked = service.select_questions(find_questionnaire("quarterly_8"), ["ACC1"])
    assert [question.id for question in asked.questions] == [
        "OVR1",
        "RSP1",
        "RES1",
        "COM1",
        "REL1",
        "SEC1",
        "EFF2",
        "ACC1",
        "OPN1",
    ]
    assert asked.scale_questions == 8
    with pytest.raises(Refused, match="The bank has no question NOPE"):
        service.select_questions(asked, ["NOPE", "OVR2"])


@on_postgresql("databases")
@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("slug", sorted(SETS))
def test_an_export_is_imported_as_the_same_questionnaire(app: Flask, slug: str, form: str) -> None:
    asked = find_questionnaire(slug)
    assert read_questionnaire(write_questionnaire(asked, form)) == asked
    saved = save_questionnaire(
        read_questionnaire("\n" + write_questionnaire(asked, form)), actor="mira@northwind.example"
    )
    assert (saved.digest, saved.version) == (asked.digest, 1)
    assert find_questionnaire(slug) == asked
    assert audit.list_entries()[0].facts == {"questionnaire": slug, "digest": asked.digest}


DIGEST = (
    "0d3db1874fa6b2028751706049d8d9fcdf37aad7ec6c2404e6b4ad814d8da558"  # before there were roles
)


def test_a_frozen_questionnaire_has_roles_and_neither_document_nor_digest_holds_them(
    app: Flask,
) -> None:
    asked = find_questionnaire("quarterly_8")
    assert asked.digest == DIGEST
    frozen = service.frozen_questionnaire(service.freeze_questionnaire(asked))
    assert frozen.digest == DIGEST
    assert '"role"' not in json.dumps(rules.questionnaire_document(frozen))
    overall = frozen.with_role(QuestionRole.OVERALL)
    assert overall is not None
    assert overall.id == "OVR1"
    assert frozen.with_role(QuestionRole.LOOP) is None


@pytest.mark.parametrize("role", QuestionRole)
def test_the_bank_has_one_question_of_each_role(role: QuestionRole) -> None:
    assert service.bank_question_with_role(role).role is role
    assert [q.role for q in question_bank().values()].count(role) == 1


def edited(slug: str, **changes: object) -> rules.Questionnaire:
    made = rules.questionnaire_document(find_questionnaire("quarterly_8"))
    made["slug"] = slug
    made["questions"][0].update(changes)
    return rules.read_document(made)


def test_other_words_need_a_raised_revision_whatever_the_questionnaire_is_called(
    app: Flask,
) -> None:
    with pytest.raises(Refused, match="would break its trends without showing it") as refused:
        save_questionnaire(edited("ours", text="Are you happy?"))
    assert refused.value.details == (
        "OVR1: other words under revision 1. Raise the revision to 2.",
    )
    with pytest.raises(Refused, match="no questionnaire 'ours'"):
        find_questionnaire("ours")
    assert (
        save_questionnaire(edited("ours", text="Are you happy?", revision=2)).questions[0].revision
        == 2
    )
    with pytest.raises(Refused) as again:
        save_questionnaire(edited("theirs", text="Are you content?", revision=2))
    assert again.value.details == ("OVR1: other words under revision 2. Raise the revision to 3.",)


def test_what_a_wave_froze_binds_later_imports_too(app: Flask) -> None:
    version = service.freeze_questionnaire(edited("ours", text="Are you happy?", revision=2))
    with pytest.raises(Refused, match="break its trends"):
        save_questionnaire(edited("theirs", text="Are you content?", revision=2))
    assert service.frozen_questionnaire(version).questions[0].text == "Are you happy?"
    assert "ours" not in {asked.slug for asked in service.list_questionnaires()}


def test_the_newest_saved_version_is_the_one_that_is_asked(app: Flask) -> None:
    shipped = find_questionnaire("quarterly_8")
    save_questionnaire(edited("quarterly_8", text="Are you happy?", revision=2))
    assert find_questionnaire("quarterly_8").questions[0].text == "Are you happy?"
    save_questionnaire(shipped)
    assert find_questionnaire("quarterly_8") == shipped
    assert len(service.list_questionnaires()) == len(SETS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "A questionnaire is an object"),
        ("- a\n- b", "A questionnaire is an object"),
        ("title: &x Ours\nslug: *x", "YAML anchors"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "YAML anchors"),
        ("{", "begins like JSON but is none"),
        ('{"a": ' * 5000, "begins like JSON but is none"),
        ("[" * 1024 * 1024, "nests its parts too deeply"),
        ("- " * 5000, "nests its parts too deeply"),
        ("a: b: c", "neither JSON nor YAML"),
        ("\x00", "neither JSON nor YAML"),
        ("!!python/object/apply:os.system [true]", "neither JSON nor YAML"),
        ('a: !!int ""', "neither JSON nor YAML"),
        ("a: !!bool perhaps", "neither JSON nor YAML"),
        ("a: !!timestamp soon", "neither JSON nor YAML"),
        ("a: 2027-99-99", "neither JSON nor YAML"),
        ("x" * (1024 * 1024 + 1), "larger than 1 MiB"),
        ("{}", "lacks scales"),
    ],
)
def test_a_file_that_is_no_questionnaire_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        read_questionnaire(text)
    assert refused.value.sentence.isprintable()


UNREADABLE = {
    "questionnaire-faulty",
    "questionnaire-lacks-parts",
    "questionnaire-of-other-form",
    "questionnaire-too-deep",
    "questionnaire-unreadable",
    "yaml-with-anchors",
}
TAGS = ["!!int", "!!float", "!!bool", "!!timestamp", "!!binary", "!!set", "!!omap"]
tagged = st.builds("a: {} {}".format, st.sampled_from(TAGS), st.text(max_size=8))
values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(
    st.text(st.characters(), max_size=80)
    | tagged
    | st.text("{}[]:,-&*!|>'\"# \n\tab1", max_size=60)
)
def test_any_text_is_refused_without_a_traceback(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_questionnaire(text)
    assert refused.value.code in UNREADABLE


@given(values)
def test_any_json_is_refused_without_a_traceback(value: object) -> None:
    with pytest.raises(Refused) as refused:
        read_questionnaire(json.dumps(value))
    assert refused.value.code in UNREADABLE

"""Whatever is posted becomes answers or sentences, and answers always fit a ballot's form."""

import json

from hypothesis import given
from hypothesis import strategies as st

from survey.answering.rules.form import NOTHING, OFF_SCALE, advice_on_length, clean_text, read_form
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import question_bank
from survey.responses.rules import pack_ballot, unpack_ballot

ASKED = Questionnaire.of(
    slug="some",
    title="Some",
    language="en",
    preamble="",
    questions=[question_bank()[name] for name in ("OVR1", "RES1", "EFF2", "OPN1")],
)
ANY_TEXT = st.text(st.characters(), max_size=1200)
NAMES = st.sampled_from(["OVR1", "RES1", "EFF2", "OPN1", "token", "OVR1 ", "other"])
VALUES = st.sampled_from(["", "1", "5", "6", "05", "x", "\uff14"]) | ANY_TEXT
FORMS = st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=2), max_size=5)


@given(FORMS)
def test_a_form_is_answers_or_problems_and_answers_survive_a_ballot(
    form: dict[str, list[str]],
) -> None:
    sent = read_form(ASKED, form)
    assert sent.problems or not sent.answers.is_empty
    assert set(sent.problems) <= {question.id for question in ASKED.questions} | {"form"}
    assert all(problem for problem in sent.problems.values())
    if not sent.problems:
        assert unpack_ballot(pack_ballot("Sales", sent.answers)) == ("Sales", sent.answers)
        given_ = {
            name
            for name in form
            if name != "token" and (name != "OPN1" or clean_text(form[name][0]))
        }
        assert {*sent.answers.scores, *sent.answers.texts} == given_


@given(ANY_TEXT)
def test_cleaning_keeps_every_word_and_no_control_character(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert not {letter for letter in cleaned if ord(letter) < 32} - {"\n", "\t"}
    json.dumps(cleaned, ensure_ascii=False).encode()
    assert [letter for letter in cleaned if letter.isalnum()] == [
        letter for letter in text if letter.isalnum()
    ]


def test_each_scale_takes_its_own_points_and_an_opt_out() -> None:
    for question in ASKED.questions[:3]:
        for code in question.scale.codes:
            assert read_form(ASKED, {question.id: [str(code)]}).answers.scores == {
                question.id: code
            }
        assert read_form(ASKED, {question.id: [""]}).answers.scores == {question.id: None}
        beyond = str(max(question.scale.codes) + 1)
        assert read_form(ASKED, {question.id: [beyond]}).problems == {question.id: OFF_SCALE}


def test_a_form_without_any_answer_is_asked_for_one() -> None:
    for form in ({}, {"token": ["x"]}, {"OPN1": [" \x00 "]}):
        assert read_form(ASKED, form).problems == {"OVR1": NOTHING}


def test_a_text_may_have_a_thousand_characters_of_any_kind() -> None:
    for letter in ("x", "é", "\U0001f600", '"', "\\", ".\n"):
        whole = (letter * 1000)[:1000]
        assert read_form(ASKED, {"OPN1": [whole]}).answers.texts == {"OPN1": clean_text(whole)}
        longer = read_form(ASKED, {"OPN1": [whole + "." * 31]})
        assert longer.problems == {"OPN1": "Please shorten by about 40 characters."}


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 400),
)
def test_shortening_as_told_is_enough_when_all_letters_are_alike(
    texts: list[str], excess: int
) -> None:
    alike = {str(number): "é" * len(one) for number, one in enumerate(texts)}
    told = int("".join(letter for letter in advice_on_length(alike, excess) if letter.isdigit()))
    assert excess <= told * 2 < excess + 22

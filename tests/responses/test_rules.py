"""Answers packed into a ballot come back as they were; counting loses none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.questionnaires.service import question_bank
from survey.responses.rules import (
    Answers,
    CellCounts,
    count_cell,
    pack_ballot,
    score_string,
    unpack_ballot,
)

QUESTIONS = [question_bank()[name] for name in ("OVR1", "RES1", "EFF2", "OPN1")]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
SCORES = st.dictionaries(st.sampled_from(["OVR1", "RES1"]), st.none() | st.integers(1, 5))
ANSWERS = st.builds(Answers, SCORES, st.dictionaries(st.just("OPN1"), TEXTS))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), ANSWERS)
def test_what_is_packed_comes_back_whole(group: str, answers: Answers) -> None:
    assert unpack_ballot(pack_ballot(group, answers)) == (group, answers)


@pytest.mark.parametrize(
    "content", [b"", b"probe", b"[]", b"{}", b'{"g":"x"}', b"null", b"\xff", b'"g"']
)
def test_what_was_never_packed_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_ballot(content)


def test_a_ballot_holds_group_scores_and_texts_and_nothing_else() -> None:
    packed = json.loads(pack_ballot("Sales", Answers({"OVR1": 4, "RES1": None}, {"OPN1": "é"})))
    assert packed == {"g": "Sales", "s": {"OVR1": 4, "RES1": None}, "t": {"OPN1": "é"}}


@given(st.lists(ANSWERS, max_size=30))
def test_counting_score_strings_counts_every_answer_once(all_answers: list[Answers]) -> None:
    strings = [score_string(QUESTIONS, answers) for answers in all_answers]
    assert {len(string) for string in strings} <= {3}
    for place, question in enumerate(QUESTIONS[:2]):
        cell = count_cell(strings, place, question.scale.codes)
        given_ = [
            answers.scores.get(question.id)
            for answers in all_answers
            if question.id in answers.scores
        ]
        assert cell.counts == tuple(given_.count(code) for code in question.scale.codes)
        assert cell.opted_out == given_.count(None)
        assert cell.answers == sum(score is not None for score in given_)


def test_ten_is_one_character_too() -> None:
    from survey.questionnaires.rules import Question, numeric_scale

    question = Question.numeric("likely", numeric_scale(11))
    strings = [score_string([question], Answers({"likely": score})) for score in (0, 9, 10, 10)]
    assert strings == ["0", "9", "A", "A"]
    assert count_cell(strings, 0, question.scale.codes).counts == (1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2)


def test_cells_add_up_point_by_point() -> None:
    assert CellCounts((1, 0, 2), 1) + CellCounts((0, 3, 1), 0) == CellCounts((1, 3, 3), 1)
    with pytest.raises(ValueError, match="shorter"):
        CellCounts((1, 2), 0) + CellCounts((1,), 0)


def test_an_opt_out_is_an_answer_of_a_kind_and_nothing_is_none() -> None:
    assert Answers().is_empty
    assert not Answers({"OVR1": None}).is_empty
    assert not Answers({}, {"OPN1": "x"}).is_empty

"""Key drivers of a document: an order without figures, where enough people answered everything."""

import re
from random import Random

from survey.findings.document.rules.drivers import drivers_block
from survey.findings.words.rules.wording import FROM_A_HUNDRED
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import question_bank

QUESTIONS = ("OVR1", "RSP1", "RES1", "COM1", "REL1", "OPN1")
ASKED = Questionnaire.of(
    slug="q",
    title="Q",
    language="en",
    preamble="",
    questions=[question_bank()[name] for name in QUESTIONS],
)


def answers(people: int, leading: int = 2, blank: float = 0.0) -> list[str]:
    """Score strings in which one question goes with the overall one and the others hardly do."""
    source, strings = Random(5), []
    for _ in range(people):
        others = [source.randint(1, 5) for _ in range(4)]
        overall = min(5, max(1, others[leading - 1] + source.choice([-1, 0, 0, 1])))
        scores = [str(overall), *map(str, others)]
        strings.append(
            "".join(
                "x" if source.random() < blank and at else score for at, score in enumerate(scores)
            )
        )
    return strings


def test_from_two_hundred_people_the_order_is_ranked() -> None:
    block = drivers_block(ASKED, answers(300))
    assert block is not None
    assert (block["shown"], block["ranked"], block["questions"][0]) == (True, True, "RES1")
    assert sorted(block["questions"]) == sorted(QUESTIONS[1:-1])
    assert not re.search(r"\d\.\d", str(block))


def test_from_one_hundred_a_group_stands_in_the_order_of_the_questionnaire() -> None:
    block = drivers_block(ASKED, answers(120))
    assert block is not None
    assert (block["shown"], block["ranked"]) == (True, False)
    assert "RES1" in block["questions"]


def test_below_one_hundred_words_stand_instead() -> None:
    assert drivers_block(ASKED, answers(99)) == {"shown": False, "words": FROM_A_HUNDRED}
    assert drivers_block(ASKED, []) == {"shown": False, "words": FROM_A_HUNDRED}


def test_a_question_that_hardly_anybody_answers_is_left_out_rather_than_all_people() -> None:
    rare = [string[:4] + ("x" if n % 5 else string[4]) for n, string in enumerate(answers(250))]
    block = drivers_block(ASKED, rare)
    assert block is not None
    assert block["shown"]
    assert "REL1" not in block["questions"]


def test_the_order_of_people_decides_nothing() -> None:
    people = answers(150)
    assert (
        drivers_block(ASKED, people)
        == drivers_block(ASKED, sorted(people))
        == drivers_block(ASKED, people[::-1])
    )


def test_without_an_overall_question_there_are_no_drivers() -> None:
    assert drivers_block(ASKED.with_only(q for q in ASKED.questions if q.id != "OVR1"), []) is None

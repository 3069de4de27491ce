"""What may be sent from the survey page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from survey.questionnaires.rules import Question, QuestionId, Questionnaire, ScaleKind
from survey.responses.rules import Answers

NOTHING = "Answer at least one question before you send."
OFF_SCALE = "Choose one of the answers shown."
TWICE = "This question was answered twice at once. Answer it once."
CODE_MISSING = "Type the code from your mail."
# Octets of every request that the page's script sends: the largest form, urlencoded.
FORM_SIZE = 28 * 1024
# Octets of a page that hands answers back: questions, promise, and a ballot's texts, escaped.
PAGE_SIZE = 96 * 1024
# The code is looked at elsewhere; `pad` makes every form one size.
NO_QUESTIONS = frozenset({"token", "pad"})
LONGEST_TEXT = 1000  # of a question that names no limit of its own
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A posted form as read: the answers, and a sentence for each field that has a fault."""

    answers: Answers
    problems: Mapping[str, str]


def read_form(questionnaire: Questionnaire, form: Mapping[str, list[str]]) -> SubmittedForm:
    """Reads the answers in a posted form; each fault becomes a sentence beside its field.

    An untouched question posts nothing, an opt-out an empty value. Control characters are dropped
    from texts; nothing is cut off silently. `pad` means nothing. Other fields that are no question
    of this wave are a fault too, under "form".
    """
    scores: dict[QuestionId, int | None] = {}
    texts: dict[QuestionId, str] = {}
    problems: dict[str, str] = {}
    questions: dict[str, Question] = {question.id: question for question in questionnaire.questions}
    for name, values in form.items():
        if name in NO_QUESTIONS:
            continue
        question = questions.get(name)
        if question is None:
            problems["form"] = (
                "This form holds a question that this survey does not ask. Open the link from your"
                " mail again."
            )
        elif len(values) > 1:
            problems[name] = TWICE
        elif question.scale.kind is ScaleKind.TEXT:
            _read_text(question, values[0], texts, problems)
        else:
            _read_score(question, values[0], scores, problems)
    answers = Answers(scores, texts)
    if answers.is_empty and not problems:
        problems[questionnaire.questions[0].id] = NOTHING
    return SubmittedForm(answers, problems)


def advice_on_length(texts: Mapping[QuestionId, str], octets: int) -> str:
    """A sentence on how much to shorten texts that are so many octets too large for a ballot.

    In characters, of the kind that the texts hold.

    >>> advice_on_length({"OPN1": "é" * 100}, 50)
    'Please shorten your texts by about 30 characters in all.'
    """
    together = "".join(texts.values())
    excess = ceil(octets * len(together) / len(together.encode()))
    characters = _round_up_to_tens(excess)
    return f"Please shorten your texts by about {characters} characters in all."


def pad_page(page: str) -> str:
    """Fills a page with blanks to a multiple of `PAGE_SIZE` octets, so its size says nothing.

    For pages that hand answers back; what a ballot may hold fits into one such size, in UTF-8.
    """
    short = -len(page.encode()) % PAGE_SIZE
    return page + " " * short


def clean_text(text: str) -> str:
    r"""A text without control characters and outer space, with plain line ends.

    >>> clean_text(" a\x00b\r\nc ")
    'ab\nc'
    """
    with_plain_line_ends = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", with_plain_line_ends).strip()


def _read_text(
    question: Question, value: str, texts: dict[QuestionId, str], problems: dict[str, str]
) -> None:
    """Puts a cleaned text into `texts`, or its fault into `problems`; an empty one into neither."""
    text = clean_text(value)
    excess = len(text) - (question.scale.max_chars or LONGEST_TEXT)
    if excess > 0:
        problems[question.id] = f"Please shorten by about {_round_up_to_tens(excess)} characters."
    elif text:
        texts[question.id] = text


def _read_score(
    question: Question,
    value: str,
    scores: dict[QuestionId, int | None],
    problems: dict[str, str],
) -> None:
    """Puts the chosen code (None: opted out) into `scores`, or the fault into `problems`."""
    if not value:
        scores[question.id] = None
        return
    is_number = value.isascii() and value.isdigit() and len(value) <= 2
    if is_number and int(value) in question.scale.codes:
        scores[question.id] = int(value)
    else:
        problems[question.id] = OFF_SCALE


def _round_up_to_tens(number: int) -> int:
    return -(-number // 10) * 10

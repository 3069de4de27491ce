"""What may be sent from the survey page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from survey.questionnaires.rules import Question, Questionnaire, ScaleKind
from survey.responses.rules import Answers

NOTHING = "Answer at least one question before you send."
OFF_SCALE = "Choose one of the answers shown."
TWICE = "This question was answered twice at once. Answer it once."
CODE_MISSING = "Type the code from your mail."
FORM_SIZE = (
    28 * 1024
)  # octets of every request that the page's script sends: the largest form, urlencoded
PAGE_SIZE = (
    96 * 1024
)  # octets of a page that hands answers back: questions, promise, and a ballot's texts, escaped
IGNORED = frozenset(
    {"token", "pad"}
)  # the code is looked at elsewhere; `pad` makes every form one size
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A form as read: the answers, or a problem per field."""

    answers: Answers
    problems: Mapping[str, str]


def read_form(questionnaire: Questionnaire, form: Mapping[str, list[str]]) -> SubmittedForm:
    """The answers in a posted form; each fault becomes a sentence beside its field.

    An untouched question posts nothing, an opt-out an empty value. Control characters are dropped from texts; nothing
    is cut off silently. `pad` means nothing. Fields that are no question of this wave are a fault of their own.
    """
    scores: dict[str, int | None] = {}
    texts: dict[str, str] = {}
    problems: dict[str, str] = {}
    known = {question.id: question for question in questionnaire.questions}
    for name, values in form.items():
        if name in IGNORED:
            continue
        question = known.get(name)
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


def advice_on_length(texts: Mapping[str, str], octets: int) -> str:
    """What to do when the texts together are so many octets larger than a ballot: in characters of the kind that they hold.

    >>> advice_on_length({"A": "é" * 100}, 50)
    'Please shorten your texts by about 30 characters in all.'
    """
    whole = "".join(texts.values())
    return (
        "Please shorten your texts by about"
        f" {_round_up(ceil(octets * len(whole) / len(whole.encode())))} characters in all."
    )


def padded(page: str) -> str:
    """A page that hands answers back, made as long as every other one that does: its length tells nothing of what was written.

    The length, in octets of UTF-8, is the next multiple of `PAGE_SIZE`; what the sealed size allows fits into one.
    """
    short = -len(page.encode()) % PAGE_SIZE
    return page + " " * short


def clean_text(text: str) -> str:
    r"""A text without control characters and outer space, with plain line ends.

    >>> clean_text(" a\x00b\r\nc ")
    'ab\nc'
    """
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _read_text(
    question: Question, value: str, texts: dict[str, str], problems: dict[str, str]
) -> None:
    text = clean_text(value)
    limit = question.scale.max_chars or 1000
    if len(text) > limit:
        problems[question.id] = (
            f"Please shorten by about {_round_up(len(text) - limit)} characters."
        )
    elif text:
        texts[question.id] = text


def _read_score(
    question: Question, value: str, scores: dict[str, int | None], problems: dict[str, str]
) -> None:
    if not value:
        scores[question.id] = None
    elif (
        value.isascii()
        and value.isdigit()
        and len(value) <= 2
        and int(value) in question.scale.codes
    ):
        scores[question.id] = int(value)
    else:
        problems[question.id] = OFF_SCALE


def _round_up(number: int) -> int:
    return -(-number // 10) * 10

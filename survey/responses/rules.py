"""Answers as values: packed into a ballot, opened, counted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from survey.questionnaires.rules import Question, QuestionId

CommentId = NewType("CommentId", str)

BLANK, OPT_OUT = "-", "x"
_DIGITS = "0123456789A"


@dataclass(frozen=True, slots=True)
class Answers:
    """What one person sent: a code or an opt-out (None) per question touched, and texts."""

    scores: Mapping[QuestionId, int | None] = field(default_factory=dict)
    texts: Mapping[QuestionId, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was answered; an opt-out is an answer of a kind."""
        return not self.scores and not self.texts


@dataclass(frozen=True, slots=True)
class CellCounts:
    """One question in one group: answers per point of the scale, and how many opted out."""

    counts: tuple[int, ...]
    opted_out: int

    @property
    def answers(self) -> int:
        """How many gave an answer."""
        return sum(self.counts)

    def __add__(self, other: "CellCounts") -> "CellCounts":
        """Both together."""
        return CellCounts(
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            self.opted_out + other.opted_out,
        )


@dataclass(frozen=True, slots=True)
class PublishedGroup:
    """A reporting group as counted: how many were invited, and how many responses there are.

    `members` are the frozen groups it holds, `departments` all departments of these.
    """

    name: str
    members: tuple[str, ...]
    invited: int
    answered: int
    departments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """All that findings may be made of.

    `groups` hold the responses per published group; `cells` one cell per question and group, by the
    question's id and the group's name; `comments` and `unreadable` are numbers.
    """

    groups: tuple[PublishedGroup, ...]
    cells: Mapping[QuestionId, Mapping[str, CellCounts]]
    comments: int
    unreadable: int

    @property
    def invited(self) -> int:
        """All invited."""
        return sum(group.invited for group in self.groups)

    @property
    def answered(self) -> int:
        """All responses."""
        return sum(group.answered for group in self.groups)


def pack_ballot(group: str, answers: Answers) -> bytes:
    """The content of a ballot: compact JSON in UTF-8."""
    content = {"g": group, "s": dict(answers.scores), "t": dict(answers.texts)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def unpack_ballot(content: bytes) -> tuple[str, Answers]:
    """Group and answers of an opened ballot.

    ValueError for anything that `pack_ballot` did not make.
    """
    ballot = json.loads(content)
    try:
        return ballot["g"], Answers(ballot["s"], ballot["t"])
    except (KeyError, TypeError) as error:
        raise ValueError("not a ballot") from error


def score_string(questions: Sequence[Question], answers: Answers) -> str:
    """Scores as stored: one character a question.

    `-` blank, `x` opted out, otherwise the code (A is 10). Questions that take a text have none.
    """
    scored = [question for question in questions if question.scale.codes]
    return "".join(_character(answers, question.id) for question in scored)


def count_cell(strings: Sequence[str], place: int, codes: Sequence[int]) -> CellCounts:
    """The cell of the question at this place of the score strings."""
    characters = [string[place] for string in strings]
    counts = tuple(characters.count(_DIGITS[code]) for code in codes)
    return CellCounts(counts, opted_out=characters.count(OPT_OUT))


def score_table(strings: Sequence[str]) -> NDArray[np.int64]:
    """Score strings as a table, people x questions: the code, or -1 for a blank and an opt-out.

    >>> score_table(["4x", "-A"]).tolist()
    [[4, -1], [-1, 10]]
    """
    if not strings:
        return np.empty((0, 0), dtype=np.int64)
    codes = {BLANK: -1, OPT_OUT: -1} | {character: code for code, character in enumerate(_DIGITS)}
    rows = [[codes[character] for character in string] for string in strings]
    return np.array(rows, dtype=np.int64)


def _character(answers: Answers, question: QuestionId) -> str:
    """What stands in a score string for one question."""
    if question not in answers.scores:
        return BLANK
    code = answers.scores[question]
    return OPT_OUT if code is None else _DIGITS[code]

"""Answers as values: packed into a ballot, unpacked, written as score strings, counted."""

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
    """One person's answers: scale codes, or None for an opt-out, and texts, by question.

    A question that the person did not touch is in neither.
    """

    scores: Mapping[QuestionId, int | None] = field(default_factory=dict)
    texts: Mapping[QuestionId, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no question was touched at all; an opt-out counts as an answer here."""
        return not self.scores and not self.texts


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Counts of one question in one group: answers per point of the scale, and opt-outs."""

    counts: tuple[int, ...]
    opted_out: int

    @property
    def answers(self) -> int:
        """How many chose a point of the scale; without opt-outs."""
        return sum(self.counts)

    def __add__(self, other: "CellCounts") -> "CellCounts":
        """The sum of two cells, point by point; ValueError where their scales differ in length."""
        return CellCounts(
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            self.opted_out + other.opted_out,
        )


@dataclass(frozen=True, slots=True)
class PublishedGroup:
    """A reporting group after the count: its name, people invited, and number of responses.

    `members` are the frozen groups it holds, `departments` all departments of these.
    """

    name: str
    members: tuple[str, ...]
    invited: int
    answered: int
    departments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of a wave, all that findings may be made of: groups, cells, comments, unreadable.

    `groups` hold the responses per published group; `cells` one cell per question and group, by the
    question's id and the group's name; `comments` and `unreadable` are numbers.
    """

    groups: tuple[PublishedGroup, ...]
    cells: Mapping[QuestionId, Mapping[str, CellCounts]]
    comments: int
    unreadable: int

    @property
    def invited(self) -> int:
        """How many were invited, over all groups."""
        return sum(group.invited for group in self.groups)

    @property
    def answered(self) -> int:
        """How many responses there are, over all groups."""
        return sum(group.answered for group in self.groups)


def pack_ballot(group: str, answers: Answers) -> bytes:
    """Group and answers as the bytes of a ballot, before sealing: compact JSON in UTF-8."""
    content = {"g": group, "s": dict(answers.scores), "t": dict(answers.texts)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def unpack_ballot(content: bytes) -> tuple[str, Answers]:
    """Group and answers in the bytes of an opened ballot; ValueError where they are no ballot.

    Everything that `pack_ballot` makes can be unpacked; codes and texts are not checked here.
    """
    ballot = json.loads(content)
    try:
        return ballot["g"], Answers(ballot["s"], ballot["t"])
    except (KeyError, TypeError) as error:
        raise ValueError("not a ballot") from error


def score_string(questions: Sequence[Question], answers: Answers) -> str:
    """One response's scores as stored: one character for each question with a scale, in order.

    `-` blank, `x` opted out, otherwise the code (A is 10). Questions that take a text have none.
    """
    scored = [question for question in questions if question.scale.codes]
    return "".join(_character(answers, question.id) for question in scored)


def count_cell(strings: Sequence[str], place: int, codes: Sequence[int]) -> CellCounts:
    """Counts one question over all score strings: how often each of `codes`, and how many opt-outs.

    `place` is the question's place in the score strings.
    """
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
    """The character for one question in a score string: blank, opt-out or the code (A is 10)."""
    if question not in answers.scores:
        return BLANK
    code = answers.scores[question]
    return OPT_OUT if code is None else _DIGITS[code]

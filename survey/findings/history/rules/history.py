"""A file of answers from another tool: read whole, every fault with its row.

Nothing is stored here.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from survey.findings.history.rules.column_mapping import ColumnMapping
from survey.findings.history.rules.columns import match_columns, read_rows
from survey.kernel.errors import Refused
from survey.kernel.ids import slug
from survey.kernel.plurals import how_many
from survey.kernel.tabular import TableRow
from survey.questionnaires.rules import Question, QuestionId, Questionnaire
from survey.responses.rules import Answers
from survey.statistics.suppression import merge_small, merge_to_invited
from survey.waves.rules.checks import MINIMUM_INVITED
from survey.waves.rules.waves import MINIMUM_GROUP, ReportingGroup

MOST_FAULTS = 10_000
MOST_FAULTS_LISTED = 100  # of a file that holds more than MOST_FAULTS


@dataclass(frozen=True, slots=True)
class History:
    """A file of a past wave as read: its questions, responses, and people invited per group.

    A response is the group as the file names it, and the answers. `digest` identifies the file and
    the numbers invited, so that it is known when it comes again.
    """

    questionnaire: Questionnaire
    responses: tuple[tuple[str, Answers], ...]
    invited: Mapping[str, int]
    digest: str

    @property
    def partition(self) -> tuple[ReportingGroup, ...]:
        """The reporting groups to freeze: those of the file, with small ones merged."""
        merged = merge_to_invited(sorted(self.invited.items()), minimum=MINIMUM_INVITED)
        return tuple(ReportingGroup(group.name, group.invited, group.members) for group in merged)

    def counts(self) -> dict[str, Any]:
        """Responses, and answers per question, of each group as it would be published.

        Small groups are merged.
        """
        name_of = {member: group.name for group in self.partition for member in group.members}
        responses = Counter(name_of[group] for group, _ in self.responses)
        answers = Counter(
            (name_of[group], question)
            for group, answers in self.responses
            for question in answers.scores
        )
        published = merge_small(
            [(group.name, group.invited, responses[group.name]) for group in self.partition],
            MINIMUM_GROUP,
        )
        counts = {}
        for group in published:
            counts[group.name] = {"responses": group.answers} | {
                question.id: sum(answers[member, question.id] for member in group.members)
                for question in self.questionnaire.questions
            }
        return counts


def read_history(
    content: bytes,
    invited: Mapping[str, int],
    base: Questionnaire,
    mapping: ColumnMapping,
    scale: int | None,
    title: str,
) -> History:
    """Reads a file of past answers; refuses all of it if any row is bad, listing the bad rows.

    Nothing is stored. Cells are whole numbers on the question's scale, words listed under `values`
    of the mapping, or empty for no answer. `invited` is the number of people per group, and `base`
    the questionnaire that the columns are matched with. With `scale` every further column is a
    question of so many points. `title` names the questionnaire that the file makes.
    """
    heading, *rows = read_rows(content, base, mapping)
    columns = heading.cells
    if mapping.group not in columns:
        raise Refused(
            "no-group-column",
            f"The file has no column {mapping.group!r} that names the reporting group. Columns:"
            f" {', '.join(columns)}",
        )
    questions = match_columns(columns, rows, base, mapping, scale)
    faults: list[str] = []
    responses = []
    for row in _full_rows(len(columns), rows, faults):
        cells = dict(zip(columns, map(str.strip, row.cells), strict=True))
        group = cells[mapping.group]
        if group not in invited:
            faults.append(
                f"row {row.number}, {mapping.group}: {group[:60]!r} is not in the groups file"
            )
        responses.append((group, _read_answers(row.number, cells, questions, mapping, faults)))
    faults += _groups_with_too_many_responses(responses, invited)
    _check_faults(faults)
    questionnaire = Questionnaire.of(
        slug=slug(title)[:64],
        title=title,
        language=base.language,
        preamble="",
        questions=tuple(questions.values()),
    )
    return History(questionnaire, tuple(responses), invited, _digest(content, invited))


def _full_rows(width: int, rows: Sequence[TableRow], faults: list[str]) -> Iterator[TableRow]:
    """The rows that are not empty; rows of another length than the heading go to `faults`.

    Ends early when there are more faults than are counted.
    """
    for row in rows:
        if len(faults) > MOST_FAULTS:
            return
        if len(row.cells) != width:
            faults.append(f"row {row.number}: {len(row.cells)} cells where the heading has {width}")
        elif any(cell.strip() for cell in row.cells):
            yield row


def _read_answers(
    number: int,
    cells: Mapping[str, str],
    questions: Mapping[str, Question],
    mapping: ColumnMapping,
    faults: list[str],
) -> Answers:
    """The answers of one row; cells that are no valid answer are added to `faults`."""
    scores: dict[QuestionId, int | None] = {}
    for column, question in questions.items():
        try:
            code = _read_code(cells[column], question, mapping)
        except ValueError as error:
            faults.append(f"row {number}, {column}: {error}")
        else:
            if code is not None:
                scores[question.id] = code
    return Answers(scores)


def _read_code(cell: str, question: Question, mapping: ColumnMapping) -> int | None:
    """The point of the scale that a cell means, None for no answer; else a ValueError.

    It is raised where the point is none of the question's.
    """
    points = mapping.values.get(question.id, {})
    if cell in points:
        point = points[cell]
        if point is None:
            return None
        cell = str(point)
    if not cell:
        return None
    codes = question.scale.codes
    is_whole_number = cell.isascii() and cell.isdigit() and len(cell) <= 9
    if not is_whole_number or int(cell) not in codes:
        raise ValueError(f"{cell[:40]!r} is not a whole number from {codes[0]} to {codes[-1]}")
    return int(cell)


def _groups_with_too_many_responses(
    responses: Sequence[tuple[str, Answers]], invited: Mapping[str, int]
) -> list[str]:
    """A sentence for every group that has more responses than people invited."""
    answered = Counter(group for group, _ in responses)
    return [
        f"{name}: {answered[name]} responses but only {number} invited"
        for name, number in invited.items()
        if answered[name] > number
    ]


def _check_faults(faults: Sequence[str]) -> None:
    """Refuses a file that has faults, and lists them; of more than 10,000 the first 100."""
    if len(faults) > MOST_FAULTS:
        raise Refused(
            "too-many-faults",
            f"The file holds more than {MOST_FAULTS:,} faults; these are the first. Nothing was"
            " stored.",
            details=tuple(faults[:MOST_FAULTS_LISTED]),
        )
    if faults:
        raise Refused(
            "rows-faulty",
            f"{how_many(len(faults), 'fault')} in the file. Nothing was stored.",
            details=tuple(faults),
        )


def _digest(content: bytes, invited: Mapping[str, int]) -> str:
    """The SHA-256 of a file and the numbers invited."""
    return hashlib.sha256(content + repr(sorted(invited.items())).encode()).hexdigest()

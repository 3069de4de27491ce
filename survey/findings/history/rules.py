"""A file of answers from another tool: read whole, every fault with its row.

Nothing is stored here.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from survey.kernel.errors import Refused
from survey.kernel.ids import slug
from survey.kernel.plurals import how_many, noun_for
from survey.kernel.tabular import TableRow, comparable_heading, read_table
from survey.questionnaires.rules import (
    Question,
    QuestionId,
    Questionnaire,
    ScaleKind,
    numeric_scale,
)
from survey.responses.rules import Answers
from survey.statistics.suppression import merge_small, merge_to_invited
from survey.waves.rules.checks import MINIMUM_INVITED
from survey.waves.rules.waves import MINIMUM_GROUP, ReportingGroup

MOST_FAULTS = 10_000
MOST_FAULTS_LISTED = 100  # of a file that holds more than MOST_FAULTS
LARGEST = 50 * 1024 * 1024  # octets
LONGEST_GROUP = 80  # characters of a group's name


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How the file's columns become questions: renamed, ignored, words turned into points.

    `group` is the column that names the reporting group. `columns` gives a question's id for a
    column's name, `values` the points of words by question id; None stands for no answer.
    """

    group: str = "group"
    columns: Mapping[str, QuestionId] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """A file as read: the questions it holds, its responses, and the people invited per group.

    A response is the group as the file names it, and the answers. `digest` stands for the file and
    the numbers invited, by which it is known when it comes again.
    """

    questionnaire: Questionnaire
    responses: tuple[tuple[str, Answers], ...]
    invited: Mapping[str, int]
    digest: str

    @property
    def partition(self) -> tuple[ReportingGroup, ...]:
        """The groups to freeze: those of the file, small ones together."""
        merged = merge_to_invited(sorted(self.invited.items()), minimum=MINIMUM_INVITED)
        return tuple(ReportingGroup(group.name, group.invited, group.members) for group in merged)

    def counts(self) -> dict[str, Any]:
        """Answers per group and question as they would be stored, small groups together."""
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


def read_mapping(content: Any) -> ColumnMapping:  # noqa: ANN401 - whatever JSON held
    """A mapping file's content; refuses anything that is not of its form."""
    if not isinstance(content, dict) or set(content) - {"group", "columns", "values", "ignore"}:
        raise Refused(
            "mapping-unreadable",
            "The mapping must be a JSON object with group, columns, values and ignore, and nothing"
            " else.",
        )
    mapping = ColumnMapping(**content)
    faults = [rule for rule, is_kept in _mapping_rules(mapping) if not is_kept]
    if faults:
        raise Refused(
            "mapping-faulty",
            "The mapping file is not of the right form. Nothing was stored.",
            details=tuple(faults),
        )
    return replace(mapping, ignore=tuple(mapping.ignore))


def read_groups(content: Any) -> dict[str, int]:  # noqa: ANN401 - whatever JSON held
    """A groups file's content: number invited per group.

    Refuses anything but positive whole numbers, and names that are empty, long or not printable.
    """
    if not isinstance(content, dict) or not content or not all(map(_is_group, content.items())):
        raise Refused(
            "group-sizes-unreadable",
            "The groups file must be a JSON object of names and numbers invited, for example"
            ' {"Sales": 20, "Service": 15}.',
        )
    return dict(content)


def _is_group(entry: tuple[str, object]) -> bool:
    """Whether this is a plain name and a positive whole number."""
    name, invited = entry
    is_plain_name = name == name.strip() and name.isprintable() and 0 < len(name) <= LONGEST_GROUP
    return is_plain_name and type(invited) is int and invited > 0


def read_history(
    content: bytes,
    invited: Mapping[str, int],
    base: Questionnaire,
    mapping: ColumnMapping,
    scale: int | None,
    title: str,
) -> History:
    """Reads a file whole; refuses it whole with all bad rows listed.

    Cells are whole numbers on the question's scale, words listed under `values` of the mapping, or
    empty for no answer. `invited` is the number of people per group, and `base` the questionnaire
    that the columns are matched with. With `scale` every further column is a question of so many
    points. `title` names the questionnaire that the file makes.
    """
    heading, *rows = _read_rows(content, base, mapping)
    columns = heading.cells
    if mapping.group not in columns:
        raise Refused(
            "no-group-column",
            f"The file has no column {mapping.group!r} that names the reporting group. Columns:"
            f" {', '.join(columns)}",
        )
    questions = _match_columns(columns, rows, base, mapping, scale)
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


def _mapping_rules(mapping: ColumnMapping) -> Iterator[tuple[str, bool]]:
    """What each part of a mapping must be, and whether it is."""
    columns, values, ignore = mapping.columns, mapping.values, mapping.ignore
    yield 'group: the name of a column, for example "Department".', isinstance(mapping.group, str)
    yield (
        'columns: an object of column names and question ids, for example {"Q1 overall": "OVR1"}.',
        isinstance(columns, dict) and _are_strings(columns.values()),
    )
    yield (
        (
            'values: an object of words and points for each question id, for example {"OVR1":'
            ' {"Satisfied": 4, "n/a": null}}.'
        ),
        isinstance(values, dict) and all(_is_points(points) for points in values.values()),
    )
    yield (
        'ignore: a list of column names, for example ["Email", "IP"].',
        isinstance(ignore, list | tuple) and _are_strings(ignore),
    )


def _are_strings(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_points(points: object) -> bool:
    """Whether this gives a whole number, or None for no answer, for every word."""
    return isinstance(points, dict) and all(
        code is None or type(code) is int for code in points.values()
    )


def _read_rows(content: bytes, base: Questionnaire, mapping: ColumnMapping) -> list[TableRow]:
    """The heading and the records below it.

    Refuses what cannot be read, and a heading that names a column twice or not at all.
    """
    question_ids = [question.id for question in base.questions]
    known_columns = {
        comparable_heading(name)
        for name in (mapping.group, *mapping.columns, *mapping.ignore, *question_ids)
    }
    table = read_table(
        content, known_columns.__contains__, largest=LARGEST, advice="Split it by wave."
    )
    if "\x00" in table.content or "\ufffd" in table.content:
        raise Refused(
            "letters-lost",
            "Letters were lost when the file was saved. Save it as “CSV UTF-8” and try again.",
        )
    rows = list(table.records())
    if broken := next((row for row in rows if row.fault), None):
        raise Refused(
            "row-unreadable",
            f"Row {broken.number} cannot be read: {broken.fault}. Correct it, here or just above.",
        )
    if len(rows) < 2:
        raise Refused("no-rows", "The file needs a heading and at least one row.")
    names = [cell.strip() for cell in rows[0].cells]
    _check_heading(names)
    return [rows[0]._replace(cells=tuple(names)), *rows[1:]]


def _check_heading(names: Sequence[str]) -> None:
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise Refused(
            "column-named-twice",
            f"The heading names a column twice: {', '.join(twice)}. Rename one of them.",
        )
    if "" in names:
        raise Refused(
            "column-without-name",
            f"Column {names.index('') + 1} has no name in the heading. Name it, or remove it.",
        )


def _match_columns(
    columns: Sequence[str],
    rows: Sequence[TableRow],
    base: Questionnaire,
    mapping: ColumnMapping,
    scale: int | None,
) -> dict[str, Question]:
    """The question of each column, but for those that are ignored and the group's.

    Refuses columns that are no question, and two columns for one question.
    """
    scored = {q.id: q for q in base.questions if q.scale.kind is not ScaleKind.TEXT}
    questions: dict[str, Question] = {}
    unknown = []
    for index, column in enumerate(columns):
        if column == mapping.group or column in mapping.ignore:
            continue
        question_id = mapping.columns.get(column, QuestionId(column))
        if question_id in scored:
            questions[column] = scored[question_id]
        elif scale is not None:
            questions[column] = Question.numeric(question_id, numeric_scale(scale))
        else:
            unknown.append(f"{column} ({_first_filled(index, rows)})")
    if unknown:
        raise Refused(
            "columns-unknown",
            f"Unknown {noun_for(len(unknown), 'column')}: {', '.join(unknown)}. Map to a "
            "question, list under ignore, or say how many points the scale has.",
        )
    if not questions:
        raise Refused("no-question-columns", "No column of the file is a question.")
    _check_each_question_once(questions)
    return questions


def _first_filled(index: int, rows: Sequence[TableRow]) -> str:
    """Where a column holds anything for the first time, so that somebody finds it."""
    for row in rows:
        if len(row.cells) > index and row.cells[index].strip():
            return f"first filled in row {row.number}"
    return "empty"


def _check_each_question_once(questions: Mapping[str, Question]) -> None:
    times = Counter(question.id for question in questions.values())
    twice = [
        f"{column} ({question.id})"
        for column, question in questions.items()
        if times[question.id] > 1
    ]
    if twice:
        raise Refused(
            "question-mapped-twice",
            f"Several columns stand for one question: {', '.join(twice)}. Map one of them, and list"
            " the others under ignore.",
        )


def _full_rows(width: int, rows: Sequence[TableRow], faults: list[str]) -> Iterator[TableRow]:
    """The rows that hold anything; one of another length than the heading is added to the faults.

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
    """The answers of one row, by column; cells that are none are added to the faults."""
    scores: dict[str, int | None] = {}
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
    """The point of the scale that a cell stands for; None for no answer.

    Raises a ValueError where it is none of the question's.
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
    """A fault for every group that has more responses than people."""
    answered = Counter(group for group, _ in responses)
    return [
        f"{name}: {answered[name]} responses but only {number} invited"
        for name, number in invited.items()
        if answered[name] > number
    ]


def _check_faults(faults: Sequence[str]) -> None:
    """Refuses a file with faults, and lists them; of very many the first."""
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
    return hashlib.sha256(content + repr(sorted(invited.items())).encode()).hexdigest()

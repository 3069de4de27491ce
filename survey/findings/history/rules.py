"""A file of answers from another tool as it comes: read whole, every fault with its row; nothing is stored here."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from survey.kernel.errors import Refused
from survey.kernel.ids import slug
from survey.kernel.plurals import how_many, noun_for
from survey.kernel.tabular import TableRow, comparable_heading, read_table
from survey.questionnaires.rules import Question, Questionnaire, ScaleKind, numeric_scale
from survey.responses.rules import Answers
from survey.statistics.suppression import merge_small, merge_to_invited
from survey.waves.rules.checks import MINIMUM_INVITED
from survey.waves.rules.waves import MINIMUM_GROUP, ReportingGroup

MOST_FAULTS = 10_000
LARGEST = 50 * 1024 * 1024
LONGEST_GROUP = 80


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How the file's columns become questions: renamed, ignored, words turned into points."""

    group: str = "group"
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """A file as read: the questions it holds, one entry per response, people invited per group."""

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
        """Answers per group and question as they would be stored, groups with few answers together."""
        name_of = {member: group.name for group in self.partition for member in group.members}
        groups = Counter(name_of[group] for group, _ in self.responses)
        answers = Counter(
            (name_of[group], question) for group, sent in self.responses for question in sent.scores
        )
        names = [q.id for q in self.questionnaire.questions]
        published = merge_small(
            [(group.name, group.invited, groups[group.name]) for group in self.partition],
            MINIMUM_GROUP,
        )
        return {
            group.name: (
                {"responses": group.answers}
                | {q: sum(answers[member, q] for member in group.members) for q in names}
            )
            for group in published
        }


def read_mapping(content: Any) -> ColumnMapping:  # noqa: ANN401 - whatever JSON held
    """A mapping file's content; refuses anything that is not of its form."""
    if not isinstance(content, dict) or set(content) - {"group", "columns", "values", "ignore"}:
        raise Refused(
            "mapping-unreadable",
            "The mapping must be a JSON object with group, columns, values and ignore, and nothing"
            " else.",
        )
    found = ColumnMapping(**content)
    faults = [words for words, good in _mapping_rules(found) if not good]
    if faults:
        raise Refused(
            "mapping-faulty",
            "The mapping file is not of the right form. Nothing was stored.",
            details=tuple(faults),
        )
    return replace(found, ignore=tuple(found.ignore))


def read_groups(content: Any) -> dict[str, int]:  # noqa: ANN401 - whatever JSON held
    """A groups file's content: number invited per group; refuses anything but positive whole numbers."""
    good = (
        isinstance(content, dict)
        and content
        and all(type(n) is int and n > 0 for n in content.values())
    )
    if not good or not all(_is_plain(name) for name in content):
        raise Refused(
            "group-sizes-unreadable",
            "The groups file must be a JSON object of names and numbers invited, for example"
            ' {"Sales": 20, "Service": 15}.',
        )
    return dict(content)


def read_history(
    content: bytes,
    invited: Mapping[str, int],
    base: Questionnaire,
    mapped: ColumnMapping,
    scale: int | None,
    title: str,
) -> History:
    """Reads a file whole; refuses it whole with all bad rows listed.

    Cells are whole numbers on the question's scale, words listed under `values`, or empty for no answer. With `scale`
    every further column is a question of so many points.
    """
    heading, *rows = _rows(content, base, mapped)
    columns = heading.cells
    if mapped.group not in columns:
        raise Refused(
            "no-group-column",
            f"The file has no column {mapped.group!r} that names the reporting group. Columns:"
            f" {', '.join(columns)}",
        )
    questions = _questions(columns, rows, base, mapped, scale)
    faults: list[str] = []
    responses = [
        _response(
            row.number,
            dict(zip(columns, (cell.strip() for cell in row.cells), strict=True)),
            questions,
            mapped,
            invited,
            faults,
        )
        for row in _full_rows(len(columns), rows, faults)
    ]
    _check(faults, responses, invited)
    asked = Questionnaire.of(
        slug=slug(title)[:64],
        title=title,
        language=base.language,
        preamble="",
        questions=tuple(questions.values()),
    )
    return History(asked, tuple(responses), invited, _digest(content, invited))


def _mapping_rules(found: ColumnMapping) -> Iterator[tuple[str, bool]]:
    """What each part of a mapping must be, and whether it is."""
    yield 'group: the name of a column, for example "Department".', isinstance(found.group, str)
    yield (
        'columns: an object of column names and question ids, for example {"Q1 overall": "OVR1"}.',
        isinstance(found.columns, dict)
        and all(isinstance(question, str) for question in found.columns.values()),
    )
    yield (
        (
            'values: an object of words and points for each question id, for example {"OVR1":'
            ' {"Satisfied": 4, "n/a": null}}.'
        ),
        isinstance(found.values, dict)
        and all(_is_points(words) for words in found.values.values()),
    )
    yield (
        'ignore: a list of column names, for example ["Email", "IP"].',
        isinstance(found.ignore, list | tuple)
        and all(isinstance(column, str) for column in found.ignore),
    )


def _is_points(words: object) -> bool:
    return isinstance(words, dict) and all(
        code is None or type(code) is int for code in words.values()
    )


def _is_plain(name: str) -> bool:
    return bool(name) and name == name.strip() and name.isprintable() and len(name) <= LONGEST_GROUP


def _rows(content: bytes, base: Questionnaire, mapped: ColumnMapping) -> list[TableRow]:
    """The heading and the records below it; refuses what cannot be read and a heading that names no column, or one twice."""
    known = {
        comparable_heading(name)
        for name in (mapped.group, *mapped.columns, *mapped.ignore, *(q.id for q in base.questions))
    }
    table = read_table(content, known.__contains__, largest=LARGEST, advice="Split it by wave.")
    if "\x00" in table.content or "\ufffd" in table.content:
        raise Refused(
            "letters-lost",
            "Letters were lost when the file was saved. Save it as “CSV UTF-8” and try again.",
        )
    rows = list(table.records())
    if broken := next((record for record in rows if record.fault), None):
        raise Refused(
            "row-unreadable",
            f"Row {broken.number} cannot be read: {broken.fault}. Correct it, here or just above.",
        )
    if len(rows) < 2:
        raise Refused("no-rows", "The file needs a heading and at least one row.")
    heading = [cell.strip() for cell in rows[0].cells]
    twice = sorted(name for name, times in Counter(heading).items() if times > 1)
    if twice:
        raise Refused(
            "column-named-twice",
            f"The heading names a column twice: {', '.join(twice)}. Rename one of them.",
        )
    if "" in heading:
        raise Refused(
            "column-without-name",
            f"Column {heading.index('') + 1} has no name in the heading. Name it, or remove it.",
        )
    return [rows[0]._replace(cells=tuple(heading)), *rows[1:]]


def _questions(
    columns: Sequence[str],
    rows: Sequence[TableRow],
    base: Questionnaire,
    mapped: ColumnMapping,
    scale: int | None,
) -> dict[str, Question]:
    known = {q.id: q for q in base.questions if q.scale.kind is not ScaleKind.TEXT}
    found: dict[str, Question] = {}
    unknown = []
    for at, column in enumerate(columns):
        if column == mapped.group or column in mapped.ignore:
            continue
        wanted = mapped.columns.get(column, column)
        if wanted in known:
            found[column] = known[wanted]
        elif scale is not None:
            found[column] = Question.numeric(wanted, numeric_scale(scale))
        else:
            first = next(
                (row.number for row in rows if len(row.cells) > at and row.cells[at].strip()), None
            )
            unknown.append(
                f"{column} (first filled in row {first})" if first else f"{column} (empty)"
            )
    if unknown:
        raise Refused(
            "columns-unknown",
            f"Unknown {noun_for(len(unknown), 'column')}: {', '.join(unknown)}. Map to a "
            "question, list under ignore, or say how many points the scale has.",
        )
    if not found:
        raise Refused("no-question-columns", "No column of the file is a question.")
    times = Counter(question.id for question in found.values())
    twice = [
        f"{column} ({question.id})" for column, question in found.items() if times[question.id] > 1
    ]
    if twice:
        raise Refused(
            "question-mapped-twice",
            f"Several columns stand for one question: {', '.join(twice)}. Map one of them, and list"
            " the others under ignore.",
        )
    return found


def _full_rows(width: int, rows: Sequence[TableRow], faults: list[str]) -> Iterator[TableRow]:
    """The rows that hold anything; one of another length than the heading is a fault."""
    for row in rows:
        if len(faults) > MOST_FAULTS:
            return
        if len(row.cells) != width:
            faults.append(f"row {row.number}: {len(row.cells)} cells where the heading has {width}")
        elif any(cell.strip() for cell in row.cells):
            yield row


def _response(
    number: int,
    cells: Mapping[str, str],
    questions: Mapping[str, Question],
    mapped: ColumnMapping,
    invited: Mapping[str, int],
    faults: list[str],
) -> tuple[str, Answers]:
    group = cells[mapped.group]
    if group not in invited:
        faults.append(f"row {number}, {mapped.group}: {group[:60]!r} is not in the groups file")
    scores: dict[str, int | None] = {}
    for column, question in questions.items():
        try:
            code = _code(cells[column], question, mapped)
        except ValueError as error:
            faults.append(f"row {number}, {column}: {error}")
        else:
            if code is not None:
                scores[question.id] = code
    return group, Answers(scores)


def _code(cell: str, question: Question, mapped: ColumnMapping) -> int | None:
    words = mapped.values.get(question.id, {})
    if cell in words:
        code = words[cell]
        if code is None:
            return None
        cell = str(code)
    if not cell:
        return None
    if (
        not (cell.isascii() and cell.isdigit() and len(cell) <= 9)
        or int(cell) not in question.scale.codes
    ):
        codes = question.scale.codes
        raise ValueError(f"{cell[:40]!r} is not a whole number from {codes[0]} to {codes[-1]}")
    return int(cell)


def _check(
    faults: list[str], responses: Sequence[tuple[str, Answers]], invited: Mapping[str, int]
) -> None:
    answered = Counter(group for group, _ in responses)
    faults += [
        f"{name}: {answered[name]} responses but only {number} invited"
        for name, number in invited.items()
        if answered[name] > number
    ]
    if len(faults) > MOST_FAULTS:
        raise Refused(
            "too-many-faults",
            f"The file holds more than {MOST_FAULTS:,} faults; these are the first. Nothing was"
            " stored.",
            details=tuple(faults[:100]),
        )
    if faults:
        raise Refused(
            "rows-faulty",
            f"{how_many(len(faults), 'fault')} in the file. Nothing was stored.",
            details=tuple(faults),
        )


def _digest(content: bytes, invited: Mapping[str, int]) -> str:
    return hashlib.sha256(content + repr(sorted(invited.items())).encode()).hexdigest()

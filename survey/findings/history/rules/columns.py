"""The rows of a file of past answers, and the question that each of its columns stands for."""

from collections import Counter
from collections.abc import Mapping, Sequence

from survey.findings.history.rules.column_mapping import ColumnMapping
from survey.kernel.errors import Refused
from survey.kernel.plurals import noun_for
from survey.kernel.tabular import TableRow, comparable_heading, read_table
from survey.questionnaires.rules import (
    Question,
    QuestionId,
    Questionnaire,
    ScaleKind,
    numeric_scale,
)

LARGEST = 50 * 1024 * 1024  # octets


def read_rows(content: bytes, base: Questionnaire, mapping: ColumnMapping) -> list[TableRow]:
    """The heading and the records below it, as rows; the heading comes first.

    Refuses what cannot be read, lost letters, a file without records, and a heading that names a
    column twice or not at all.
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


def match_columns(
    columns: Sequence[str],
    rows: Sequence[TableRow],
    base: Questionnaire,
    mapping: ColumnMapping,
    scale: int | None,
) -> dict[str, Question]:
    """The question of each column by name, without the group's column and ignored ones.

    With `scale`, an unknown column becomes a question of so many points. Without it, columns that
    are no question are refused. Refuses two columns for one question, and a file without questions.
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


def _check_heading(names: Sequence[str]) -> None:
    """Refuses a heading that names a column twice or leaves one without a name."""
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


def _first_filled(index: int, rows: Sequence[TableRow]) -> str:
    """Words on the first row that fills a column, so that somebody finds it; "empty" if none."""
    for row in rows:
        if len(row.cells) > index and row.cells[index].strip():
            return f"first filled in row {row.number}"
    return "empty"


def _check_each_question_once(questions: Mapping[str, Question]) -> None:
    """Refuses two columns that stand for one question."""
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

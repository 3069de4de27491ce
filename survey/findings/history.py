"""History from another tool: one file is one past wave, one row is one response."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from survey.access.audit import record
from survey.database import db, transaction
from survey.findings.rules import Findings
from survey.findings.service import freeze_findings
from survey.findings.tables import ImportRow
from survey.kernel.errors import Refused
from survey.questionnaires.rules import Question, Questionnaire, ScaleKind, numeric_scale
from survey.questionnaires.service import freeze, questionnaire
from survey.responses.rules import Answers
from survey.responses.service import Opened, store_counted
from survey.statistics.suppression import merge_to_invited
from survey.waves import service as waves
from survey.waves.rules import MINIMUM_INVITED, Group, Wave, WaveState

MOST_FAULTS = 50
LARGEST = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mapped:
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

    def counts(self) -> dict[str, Any]:
        """Answers per group and question, as `--dry-run` prints them."""
        groups = Counter(group for group, _ in self.responses)
        answers = Counter((group, question) for group, sent in self.responses for question in sent.scores)
        names = [q.id for q in self.questionnaire.questions]
        return {group: {"responses": groups[group]} | {q: answers[group, q] for q in names} for group in sorted(groups)}


def read_mapping(content: Any) -> Mapped:  # noqa: ANN401 - whatever JSON held
    """A mapping file's content; refuses anything that is not of its form."""
    if not isinstance(content, dict) or set(content) - {"group", "columns", "values", "ignore"}:
        raise Refused("The mapping must be a JSON object with group, columns, values and ignore, and nothing else.")
    return Mapped(
        str(content.get("group", "group")), content.get("columns", {}), content.get("values", {}), tuple(content.get("ignore", ()))
    )


def read_groups(content: Any) -> dict[str, int]:  # noqa: ANN401 - whatever JSON held
    """A groups file's content: number invited per group; refuses anything but positive whole numbers."""
    good = isinstance(content, dict) and content and all(type(n) is int and n > 0 for n in content.values())
    if not good:
        raise Refused('The groups file must be a JSON object of names and numbers invited, for example {"Sales": 20, "Service": 15}.')
    return {str(name): number for name, number in content.items()}


def read_history(content: bytes, invited: Mapping[str, int], base: Questionnaire, mapped: Mapped, scale: int | None, title: str) -> History:
    """Reads a file whole; refuses it whole with all bad rows listed.

    Cells are whole numbers on the question's scale, words listed under `values`, or empty for no answer. With `scale`
    every further column is a question of so many points.
    """
    if len(content) > LARGEST:
        raise Refused("The file is larger than 50 MiB. Split it by wave.")
    rows = _rows(content)
    questions = _questions(rows[0], base, mapped, scale)
    if mapped.group not in rows[0]:
        raise Refused(f"The file has no column {mapped.group!r} that names the reporting group. Columns: {', '.join(rows[0])}")
    faults: list[str] = []
    responses = [
        _response(number, dict(zip(rows[0], (cell.strip() for cell in row), strict=True)), questions, mapped, invited, faults)
        for number, row in _full_rows(rows, faults)
    ]
    _check(faults, responses, invited)
    asked = Questionnaire.of(slug=title, title=title, language=base.language, preamble="", questions=tuple(questions.values()))
    return History(asked, tuple(responses), invited, _digest(content, invited))


def import_history(name: str, history: History, *, survey: str | None, opened: date | None, closed: date | None, actor: str) -> Findings:
    """Stores a past wave: shuffled, merged and hidden like one of our own, marked as imported everywhere."""
    earlier = db.session.scalar(select(ImportRow.wave_id).where(ImportRow.digest == history.digest))
    if earlier:
        raise Refused(f"This file was imported before, as {waves.wave_by_id(earlier).slug}. Nothing was changed.")
    with transaction() as session:
        item = _wave(name, survey, opened, closed)
        merged = merge_to_invited(sorted(history.invited.items()), minimum=MINIMUM_INVITED)
        groups = tuple(Group(g.name, g.invited, g.members) for g in merged)
        item = waves.freeze_import(item, freeze(history.questionnaire), groups)
        name_of = {member: group.name for group in groups for member in group.members}
        opened_ballots = Opened(len(history.responses), tuple((name_of[g], a) for g, a in history.responses))
        if len(history.responses) < item.minimum_group:
            raise Refused(f"The file holds {len(history.responses)} responses; fewer than {item.minimum_group} are never shown.")
        tally = store_counted(item, history.questionnaire, opened_ballots)
        session.add(ImportRow(wave_id=item.id, digest=history.digest))
        found = freeze_findings(item, tally)
        record("history imported", {"wave": item.slug, "responses": tally.answered, "digest": found.digest}, actor)
    return found


def base_questionnaire(name: str, survey: str | None) -> Questionnaire:
    """The questionnaire that the columns are matched with: that of the survey named, or of the wave that exists."""
    if survey:
        return questionnaire(waves.survey(survey).questionnaire)
    known = [item for item in waves.list_waves() if item.slug == name]
    return questionnaire(waves.survey(known[0].survey).questionnaire if known else "quarterly_8")


def _wave(name: str, survey: str | None, opened: date | None, closed: date | None) -> Wave:
    known = [item for item in waves.list_waves() if item.slug == name]
    if known:
        if known[0].state is not WaveState.PLANNED:
            raise Refused(f"{name} is {known[0].state} already; history goes into a wave of its own.")
        raise Refused(f"{name} is planned and will be asked. Give the history another wave name, with --survey, --opened and --closed.")
    if not (survey and opened and closed):
        raise Refused(f"There is no wave {name} yet. To make it, add --survey NAME --opened YYYY-MM-DD --closed YYYY-MM-DD.")
    return waves.plan_past_wave(survey, name, opened, closed)


def _rows(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\x00" in text or "\ufffd" in text:
        raise Refused("This is not a CSV text file. Save it as CSV (UTF-8) and try again.")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Refused(f"The file cannot be read as CSV: {error}. Save it as CSV (UTF-8) and try again.") from error
    if len(rows) < 2:
        raise Refused("The file needs a heading and at least one row.")
    rows[0] = [cell.strip() for cell in rows[0]]
    twice = sorted(name for name, times in Counter(rows[0]).items() if times > 1)
    if twice:
        raise Refused(f"The heading names a column twice: {', '.join(twice)}. Rename one of them.")
    return rows


def _questions(heading: Sequence[str], base: Questionnaire, mapped: Mapped, scale: int | None) -> dict[str, Question]:
    known = {q.id: q for q in base.questions if q.scale.kind is not ScaleKind.TEXT}
    found: dict[str, Question] = {}
    unknown = []
    for column in heading:
        if column == mapped.group or column in mapped.ignore:
            continue
        wanted = mapped.columns.get(column, column)
        if wanted in known:
            found[column] = known[wanted]
        elif scale is not None:
            found[column] = Question.numeric(wanted, numeric_scale(scale))
        else:
            unknown.append(column)
    if unknown:
        raise Refused(
            f"Unknown column{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}. Map to a question (--map), list under ignore, "
            "or say how many points the scale has (--scale 7)."
        )
    if not found:
        raise Refused("No column of the file is a question.")
    return found


def _full_rows(rows: Sequence[Sequence[str]], faults: list[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows that hold anything, with their number in a spreadsheet; one of another length than the heading is a fault."""
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            if row:
                faults.append(f"row {number}: {len(row)} cells where the heading has {len(rows[0])}")
        elif any(cell.strip() for cell in row):
            yield number, row


def _response(
    number: int, cells: Mapping[str, str], questions: Mapping[str, Question], mapped: Mapped, invited: Mapping[str, int], faults: list[str]
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


def _code(cell: str, question: Question, mapped: Mapped) -> int | None:
    words = mapped.values.get(question.id, {})
    if cell in words:
        code = words[cell]
        if code is None:
            return None
        cell = str(code)
    if not cell:
        return None
    if not (cell.isascii() and cell.isdigit()) or int(cell) not in question.scale.codes:
        codes = question.scale.codes
        raise ValueError(f"{cell[:40]!r} is not a whole number from {codes[0]} to {codes[-1]}")
    return int(cell)


def _check(faults: list[str], responses: Sequence[tuple[str, Answers]], invited: Mapping[str, int]) -> None:
    answered = Counter(group for group, _ in responses)
    faults += [
        f"{name}: {answered[name]} responses but only {number} invited" for name, number in invited.items() if answered[name] > number
    ]
    if faults:
        more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise Refused(f"{len(faults)} faults in the file. Nothing was stored.", details=(*faults[:MOST_FAULTS], *more))


def _digest(content: bytes, invited: Mapping[str, int]) -> str:
    return hashlib.sha256(content + repr(sorted(invited.items())).encode()).hexdigest()

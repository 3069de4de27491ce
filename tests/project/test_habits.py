"""Habits that no tool checks for us; each check is shown to find what it looks for."""

import ast
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Column, Date, DateTime, ForeignKey, LargeBinary, MetaData, Table, Time
from sqlalchemy.types import TypeDecorator, TypeEngine

from survey.database import Base, UtcDateTime

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "survey").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.*"))
NEVER_A_FILE = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "managers",
    "common",
    "misc",
    "data",
    "models",
}
NEVER_A_NAME = re.compile(
    r"_?get_|_?handle_(?!accept)|_?process_(?!bind_param|result_value)|.*_(util|utils|helper|helpers|manager)$"
)
FOREIGN = {
    # idna, for the standard library's IDNA 2003 makes fussball of fußball, another domain;
    # cryptography, for key files of sign-in
    "kernel": {"cryptography", "idna", "survey.kernel"},
    "statistics": {"numpy", "scipy", "survey.kernel", "survey.statistics"},
    "charts": {"markupsafe", "survey.kernel", "survey.charts"},
}
ANONYMOUS = {"ballot", "response", "comment"}
WHO = {"person", "invitation", "token", "user"}

Finder = Callable[[ast.AST], bool]


def commits(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "begin_nested"}
    )


def reads_the_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(
            name.name in {"environ", "getenv"} for name in node.names
        )
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and ast.unparse(node.value) == "os"
    )


def asks_a_clock(node: ast.AST) -> bool:
    """Of the wall; a stopwatch (time.monotonic) may be asked anywhere."""
    if not isinstance(node, ast.Attribute):
        return False
    return (node.attr, ast.unparse(node.value).rpartition(".")[2]) in {
        ("now", "datetime"),
        ("utcnow", "datetime"),
        ("today", "datetime"),
        ("today", "date"),
        ("time", "time"),
    }


def makes_markup(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Markup"


def has_a_banned_name(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and bool(
        NEVER_A_NAME.match(node.name)
    )


def sends_past_the_outbox(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in {
        "mail.send",
        "Mail.send",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
    }


HABITS: dict[str, tuple[Finder, set[str], str]] = {
    "only transaction() commits: with transaction() as session": (
        commits,
        {"database.py"},
        "db.session.commit()",
    ),
    # PORT belongs to the demo's make target, not to an installation.
    "only config.py reads the environment": (
        reads_the_environment,
        {"config.py", "demo"},
        "import os; os.environ['HOME']",
    ),
    "only the kernel's clock tells the time: take `now` as an argument": (
        asks_a_clock,
        {"kernel/clock.py"},
        "datetime.datetime.now(UTC)",
    ),
    "only charts make markup: let the template escape": (
        makes_markup,
        {"charts"},
        "markupsafe.Markup('<b>')",
    ),
    "names are verb + noun in the words of the page": (
        has_a_banned_name,
        {"database.py", "cli.py"},
        "def get_wave(): ...",
    ),
    "mails go through the outbox": (sends_past_the_outbox, {"mail"}, "mail.send(message)"),
}


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_is_kept_everywhere(habit: str) -> None:
    finder, where_it_may, _ = HABITS[habit]
    found = []
    for path in CODE:
        name = path.relative_to(ROOT / "survey").as_posix()
        if name in where_it_may or name.split("/")[0] in where_it_may:
            continue
        found += [
            f"survey/{name}:{getattr(node, 'lineno', 0)}"
            for node in ast.walk(ast.parse(path.read_text()))
            if finder(node)
        ]
    assert not found, f"{habit}: {', '.join(found)}"


@pytest.mark.parametrize("habit", HABITS)
def test_a_broken_habit_is_found(habit: str) -> None:
    finder, _, example = HABITS[habit]
    assert any(finder(node) for node in ast.walk(ast.parse(example)))


@pytest.mark.parametrize(
    "innocent",
    [
        "transaction()",
        "time.monotonic()",
        "wave.now",
        "config.environ",
        "def gets_along(): ...",
        "Markdown('x')",
    ],
)
def test_what_only_looks_like_a_broken_habit_is_let_through(innocent: str) -> None:
    assert not any(
        finder(node) for finder, _, _ in HABITS.values() for node in ast.walk(ast.parse(innocent))
    )


def unescaped(template: str) -> list[str]:
    """What a template prints or builds without escaping."""
    return re.findall(r"\|\s*safe\b|\{%-?\s*autoescape\s+false|\bMarkup\(", template)


def test_no_template_switches_escaping_off() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): faults
        for path in TEMPLATES
        if (faults := unescaped(path.read_text()))
    }
    assert not found
    assert TEMPLATES


@pytest.mark.parametrize(
    "template", ["{{ name|safe }}", "{{ name | safe }}", "{% autoescape false %}"]
)
def test_a_template_that_switches_escaping_off_is_found(template: str) -> None:
    assert unescaped(template)


def test_no_file_is_a_home_for_leftovers() -> None:
    assert [
        path for path in CODE if path.stem in NEVER_A_FILE or path.parent.name in NEVER_A_FILE
    ] == []


def foreign(source: str, allowed: set[str]) -> set[str]:
    """The imports of a module that are neither the standard library nor allowed."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        name
        for name in names
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(f"{name}.".startswith(f"{one}.") for one in allowed)
    }


@pytest.mark.parametrize("room", FOREIGN)
def test_the_lowest_floors_stand_on_little(room: str) -> None:
    found = {
        path.name: names
        for path in (ROOT / "survey" / room).rglob("*.py")
        if (names := foreign(path.read_text(), FOREIGN[room]))
    }
    assert not found


def test_a_foreign_import_on_the_lowest_floors_is_found() -> None:
    assert foreign("import os, numpy\nfrom pandas import DataFrame", FOREIGN["statistics"]) == {
        "pandas.DataFrame"
    }


def what_tells_who_or_when(table: Table) -> list[str]:
    """Columns of an answer table that hold a time, a serial number, or a way to a person."""
    told = []
    for column in table.columns:
        kind: TypeEngine[object] = (
            column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
        )
        told += (
            [f"{column.name}: a time"]
            if isinstance(kind, DateTime | Date | Time) or column.name.endswith("_at")
            else []
        )
        told += [
            f"{column.name}: refers to {key.target_fullname}"
            for key in column.foreign_keys
            if key.target_fullname.split(".")[0] in WHO
        ]
        told += (
            [f"{column.name}: a serial number"]
            if column.primary_key and not isinstance(kind, LargeBinary)
            else []
        )
    return told


def test_answers_hold_no_time_no_order_and_no_person() -> None:
    import_module("survey.responses.tables")
    tables = [Base.metadata.tables[name] for name in sorted(ANONYMOUS)]
    assert {table.name: told for table in tables if (told := what_tells_who_or_when(table))} == {}


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (Column("created_at", UtcDateTime), "created_at: a time"),
        (Column("on", Date), "on: a time"),
        (Column("answered_by", ForeignKey("person.id")), "answered_by: refers to person.id"),
    ],
)
def test_a_column_that_tells_who_or_when_is_found(column: Column[object], told: str) -> None:
    assert what_tells_who_or_when(
        Table("response", MetaData(), Column("id", LargeBinary, primary_key=True), column)
    ) == [told]


COUNTS_BY_ITSELF = re.compile(r""""s" if |(?:==|!=) 1 else "|"\{:,\}"\.format""")


def test_templates_leave_numbers_and_their_nouns_to_the_filters() -> None:
    """They are in survey/kernel/plurals.py."""
    found = {
        path.name: COUNTS_BY_ITSELF.findall(path.read_text())
        for path in TEMPLATES
        if path.suffix in {".html", ".txt"}
    }
    assert {name: counts for name, counts in found.items() if counts} == {}
    assert COUNTS_BY_ITSELF.search('{{ n }} row{{ "s" if n != 1 }}')
    assert COUNTS_BY_ITSELF.search('{{ "waits" if n == 1 else "wait" }}')

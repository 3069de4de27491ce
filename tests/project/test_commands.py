"""Every command as a person types it.

Help without settings, 2 for wrong usage, 1 and one line for a refusal, JSON and nothing else.
"""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click
import pytest
from sqlalchemy import create_engine, text

from survey.cli import ROOMS, candour, main
from survey.database import db
from tests.conftest import settings_of


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words one types after `candour`."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name, child in children(command).items():
        yield from leaves(child, *path, name)


def children(group: click.Group) -> dict[str, click.Command]:
    """The commands of a group by name, loaded."""
    context = click.Context(group)
    return {
        name: child
        for name in group.list_commands(context)
        if (child := group.get_command(context, name))
    }


COMMANDS = dict(leaves(candour))
GROUPS = sorted({path.rpartition(" ")[0] for path in COMMANDS} - {""})
ROOT = Path(__file__).parents[2]
# What each command refuses on a new installation with one provider, one survey, and the files of
# `installation`.
REFUSED = {
    "tick": "--now yesterday",
    "users add": "mira --role admin",
    "users role": "nobody@northwind.example viewer",
    "users remove": "nobody@northwind.example",
    "audit export": "list.json",
    "audit record-restore": "list.json --reason flood",
    "people import": "staff.csv",
    "people remove": "nobody@northwind.example",
    "people export": "nobody@northwind.example",
    "people erase": "nobody@northwind.example",
    "people correct": "nobody@northwind.example somebody@northwind.example",
    "people confirm": "nobody@northwind.example",
    "people refuse": "nobody@northwind.example",
    "organisation set": "Northwind --contact nobody --comments-read-by Head --host x",
    "organisation holidays add": "tomorrow",
    "organisation holidays remove": "2027-04-12",
    "organisation holidays import": "list.json",
    "providers add": "Brightline --contact nobody",
    "providers remove-contact": "Brightline nobody@brightline.example",
    "questionnaires show": "no-such-one",
    "questionnaires export": "no-such-one",
    "questionnaires import": "list.json",
    "surveys add": "IT --provider Nobody --opens 2027-01-11T09:00",
    "surveys pause": "no-such-survey",
    "surveys resume": "IT",
    "surveys end": "no-such-survey",
    "targets set": "IT NOPE --target 0.7",
    "targets list": "no-such-survey",
    "waves plan": "IT --opens 2027-02-02T09:00 --closes 2027-02-01T09:00",
    "waves open": "it-2027-q1",
    "waves skip": "it-2027-q1 --reason ''",
    "waves extend": "it-2027-q1 --days 3",
    "waves readers": "it-2027-q1 mira@northwind.example --reason left",
    "waves close": "it-2027-q1",
    "waves void": "it-2027-q1 --reason ''",
    "waves status": "no-such-wave",
    "keys export": "no-such-wave spare.key",
    "keys import": "no-such-wave list.json",
    "keys confirm-destroyed": "it-2027-q1",
    "backup": "keys/copy.db",
    "restore": "list.json",
    "ceremony export": "it-2027-q1 sealed",
    "ceremony import": "it-2027-q1 list.json",
    "cokey make": "list.json --passphrase-file list.json",
    "cokey open": "list.json list.json opened --passphrase-file list.json",
    "cokey register": "Rosa aaaaaaaa-aaaaaaaa",
    "cokey end": "Rosa",
    "findings show": "it-2027-q1 --json",
    "findings share": "it-2027-q1 --to provider",
    "responses import": (
        "past answers.csv --groups list.json --survey IT --opened 2026-01-01 --closed 2026-01-15"
    ),
    "followups reply": "it-2027-q1 --file list.json --received 2027-02-09",
    "followups write": "it-2027-q1",
    "followups preview": "it-2027-q1",
    "followups send": "it-2027-q1",
    "mail test": "ada@northwind.example",
    "mail bounces": "",
}
NEVER_REFUSED = {
    "init": "",
    "users list": "",
    "audit verify": "",
    "people list": "",
    "people proposals": "",
    "organisation show": "",
    "organisation holidays list": "",
    "providers list": "",
    "questionnaires list": "",
    "surveys list": "",
    "waves list": "",
    "cokey list": "",
    "followups list": "",
    "mail status": "",
    "mail retry": "it-2027-q1",
    "mail pause": "",
    "mail resume": "",
}
# A new installation has no findings; the test of the main job reads them as JSON.
UNSURE = {"findings show", "doctor"}  # the doctor finds a key folder that others may look into
WITH_JSON = [
    path
    for path, command in COMMANDS.items()
    if path not in UNSURE and any("--json" in p.opts for p in command.params)
]
# Below: a port that is taken; tests/doctor/test_doctor.py: an installation with a fault;
# tests/jobs: what runs until it is told to end.
ELSEWHERE = {"serve", "doctor", "worker"}


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


def words(line: str) -> list[str]:
    return [word.strip("'") for word in line.split()]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, as its entry point does."""

    def ran(*typed: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["candour", *typed])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return ran


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder, no settings."""
    for name in settings_of("", tmp_path):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "empty"


@pytest.fixture
def installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, templates: Mapping[str, str], run: Run
) -> Iterator[Path]:
    """A new installation with one provider and one survey; its mail server is down."""
    shutil.copy(templates["sqlite"].removeprefix("sqlite:///"), tmp_path / "candour.db")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        mail = {"CANDOUR_MAIL_URL": f"smtp://127.0.0.1:{unused.getsockname()[1]}"}
        for name, value in settings_of(
            f"sqlite:///{tmp_path / 'candour.db'}", tmp_path, **mail
        ).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "staff.csv").write_text(
            "email,name,department\nada@northwind.example,Ada,Sales\nnot an address,Ben,Sales\n"
        )
        (tmp_path / "answers.csv").write_text("group,OVR1\nSales,4\n")
        (tmp_path / "list.json").write_text("[1, 2]")
        assert run("providers", "add", "Brightline").code == 0
        assert (
            run(
                "surveys", "add", "IT", "--provider", "Brightline", "--opens", "2027-01-11T09:00"
            ).code
            == 0
        )
        yield tmp_path


def rows(folder: Path) -> list[list[object]]:
    """Everything in the database."""
    engine = create_engine(f"sqlite:///{folder / 'candour.db'}")
    with engine.connect() as connection:
        found = [
            list(connection.execute(text(f'SELECT * FROM "{table}"')))
            for table in sorted(db.metadata.tables)
        ]
    engine.dispose()
    return found


def test_every_command_is_walked() -> None:
    assert set(REFUSED) | set(NEVER_REFUSED) | ELSEWHERE == set(COMMANDS), (
        "give a new command a line above"
    )


def every_command(group: click.Group) -> Iterator[click.Command]:
    for child in children(group).values():
        yield child
        if isinstance(child, click.Group):
            yield from every_command(child)


def test_no_command_of_any_module_is_left_out() -> None:
    files = [
        path.relative_to(ROOT).with_suffix("") for path in (ROOT / "survey").rglob("*commands.py")
    ]
    written = [
        value
        for file in files
        for value in vars(import_module(".".join(file.parts))).values()
        if isinstance(value, click.Command)
    ]
    reached = {id(command) for command in every_command(candour)}
    assert len(written) > len(ROOMS)
    assert [command.name for command in written if id(command) not in reached] == []


@pytest.mark.parametrize("name", ROOMS)
def test_the_line_of_help_is_that_of_the_command_itself(name: str) -> None:
    line, load = ROOMS[name]
    group = load()
    assert (group.name, group.get_short_help_str(limit=1000)) == (name, line)


def home(command: click.Command) -> str:
    """The module that a command is written in."""
    assert command.callback
    return command.callback.__module__


JOINED = [
    name
    for name, (_, load) in ROOMS.items()
    if {home(load())} != {home(child) for child in load().commands.values()}
]


def in_a_fresh_process(code: str, *arguments: str) -> set[str]:
    """The words that a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", JOINED)
def test_a_group_is_whole_when_nothing_but_its_name_was_asked_for(name: str) -> None:
    code = "import sys; from survey.cli import ROOMS; print(*ROOMS[sys.argv[1]][1]().commands)"
    assert in_a_fresh_process(code, name) == set(ROOMS[name][1]().commands)


def test_several_concepts_add_to_one_group() -> None:
    assert {"mail", "people", "waves"} <= set(JOINED)


LOADED = """
import contextlib, io, sys
from survey.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(*sys.modules)
"""


@pytest.mark.parametrize("option", ["--help", "-h", "--version", ""])
def test_to_list_the_commands_nothing_is_loaded_but_what_lists_them(option: str) -> None:
    loaded = in_a_fresh_process(LOADED, *option.split())
    assert {name.split(".")[1] for name in loaded if name.startswith("survey.")} == {
        "cli",
        "kernel",
    }
    assert not loaded & {
        "sqlalchemy",
        "flask",
        "werkzeug",
        "jinja2",
        "scipy",
        "numpy",
        "cryptography",
        "dbos",
        "babel",
        "waitress",
    }


@pytest.mark.parametrize("line", ["init --help", "serve --help", "tick --help", "doctor --help"])
def test_the_help_of_a_command_of_the_house_loads_no_concept(line: str) -> None:
    loaded = in_a_fresh_process(LOADED, *line.split())
    assert {name.split(".")[1] for name in loaded if name.startswith("survey.")} == {
        "cli",
        "kernel",
    }


@pytest.mark.parametrize("line", ["cokey make --help", "cokey open --help"])
def test_what_runs_offline_loads_nothing_that_only_the_server_needs(line: str) -> None:
    loaded = in_a_fresh_process(LOADED, *line.split())
    assert not loaded & {"sqlalchemy", "flask", "numpy", "dbos", "survey.database", "survey.config"}
    assert "survey.vault.commands" in loaded


@pytest.mark.parametrize("path", [*COMMANDS, *GROUPS, ""])
def test_help_needs_no_settings_and_shows_an_example(
    run: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("CANDOUR_BASE_URL", "nonsense")
    for flag in ("--help", "-h"):
        said = run(*path.split(), flag)
        assert (said.code, said.err) == (0, "")
        assert f"candour {path}".strip() in said.out.splitlines()[0]
        assert ("Example:" in said.out) == (path in COMMANDS)
    assert list(nowhere.iterdir()) == []


@pytest.mark.parametrize("path", COMMANDS)
def test_wrong_usage_exits_with_2_and_names_the_way_out(
    run: Run, installation: Path, path: str
) -> None:
    before = rows(installation)
    said = run(*path.split(), "--no-such-option")
    assert (said.code, said.out) == (2, "")
    assert "No such option" in said.err
    assert "--help" in said.err
    if any(parameter.required for parameter in COMMANDS[path].params):
        assert (bare := run(*path.split())).code == 2, bare
    else:
        assert run(*path.split(), *["surplus"] * 3).code == 2
    assert rows(installation) == before


@pytest.mark.parametrize("path", ["nonsense", *(f"{group} nonsense" for group in GROUPS)])
def test_a_command_that_does_not_exist_is_wrong_usage(
    run: Run, installation: Path, path: str
) -> None:
    said = run(*path.split())
    assert (said.code, said.out) == (2, "")
    assert "No such command" in said.err


@pytest.mark.parametrize("path", REFUSED)
def test_a_refusal_exits_with_1_says_it_in_one_line_and_changes_nothing(
    run: Run, installation: Path, path: str
) -> None:
    before = rows(installation)
    said = run(*path.split(), *words(REFUSED[path]))
    assert (said.code, said.out) == (1, "")
    message, *details = [line for line in said.err.splitlines() if not line.startswith("Note: ")]
    assert message == message.strip()
    assert message.endswith((".", '"', "one", ")")) or "candour" in message or ": " in message, (
        message
    )
    assert [line for line in details if not line.startswith("  ")] == []
    assert "did not foresee" not in said.err
    assert "Traceback" not in said.err
    assert rows(installation) == before


@pytest.mark.parametrize("path", NEVER_REFUSED)
def test_what_only_shows_or_can_be_repeated_succeeds_on_a_new_installation(
    run: Run, installation: Path, path: str
) -> None:
    for _ in range(2):
        said = run(*path.split(), *words(NEVER_REFUSED[path]))
        assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("path", WITH_JSON)
def test_json_is_one_document_and_nothing_else(run: Run, installation: Path, path: str) -> None:
    needed = {
        "waves status": ["it-2027-q1"],
        "targets list": ["IT"],
        "mail test": ["you@northwind.example"],
    }.get(path, [])
    said = run(*path.split(), *needed, "--json")
    if path == "mail test":  # no mail server listens: the document says so, and the exit too
        assert (said.code, json.loads(said.out)["accepted"]) == (1, False)
        return
    assert (said.code, said.err) == (0, "")
    assert isinstance(json.loads(said.out), dict)


def test_a_broken_audit_log_is_a_refusal_that_names_the_entry_in_json_too(
    run: Run, installation: Path
) -> None:
    engine = create_engine(f"sqlite:///{installation / 'candour.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET who = 'somebody else' WHERE number = 1"))
    engine.dispose()
    said, as_json = run("audit", "verify"), run("audit", "verify", "--json")
    assert (said.code, as_json.code) == (1, 1)
    assert "broken at entry 1" in said.err
    assert json.loads(as_json.out)["first_broken"] == 1


def test_a_port_that_is_taken_is_refused(installation: Path) -> None:
    command = str(Path(sys.executable).with_name("candour"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        typed = [command, "serve", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            typed, cwd=installation, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Choose another: --port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_settings_that_are_missing_or_contradict_each_other_are_listed_all_at_once(
    run: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDOUR_DATABASE_URL", "mysql://db.example/candour")
    monkeypatch.setenv("CANDOUR_BASE_URL", "https://feedback.northwind.example")
    monkeypatch.setenv("CANDOUR_MAIL_URL", "catcher://")
    monkeypatch.setenv("CANDOUR_TIMEZONE", "Mars/Olympus")
    said = run("users", "list")
    assert (said.code, said.out) == (1, "")
    headline, *faults = said.err.splitlines()
    assert headline == f"{len(faults)} settings need attention."
    named = {line.split(":")[0].strip() for line in faults}
    assert {
        "CANDOUR_DATABASE_URL",
        "CANDOUR_MAIL_URL",
        "CANDOUR_TIMEZONE",
        "CANDOUR_KEY_DIR",
        "CANDOUR_MAIL_FROM",
    } <= named
    assert list(nowhere.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        "tick",
        "users list",
        "people import staff.csv",
        "waves open it-2027-q1",
        "audit verify --json",
    ],
)
def test_before_init_a_command_fails_in_one_line_and_without_a_traceback(
    run: Run, nowhere: Path, line: str
) -> None:
    (nowhere / "staff.csv").write_text("email,name,department\nada@northwind.example,Ada,Sales\n")
    said = run(*words(line))
    assert (said.code, said.out) == (1, "")
    assert len(said.err.splitlines()) == 1

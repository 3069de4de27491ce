"""Refusals: codes for programs, hints that lead somewhere, and no command on any page."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import click
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from survey.access.rules.open_to import open_to
from survey.app import create_app
from survey.cli import ROOMS, candour
from survey.database import db
from survey.kernel.errors import NotFound, Refused
from survey.kernel.hints import HINTS, Hint
from tests.conftest import settings
from tests.outside import browser
from tests.project.test_commands import COMMANDS, children
from tests.project.test_routes import EMPLOYEE, STOP, World, build_world, routes, token

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "survey").rglob("*.py"))
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
NAMES = "|".join(sorted({*ROOMS, *candour.commands}))
TYPED = re.compile(rf"\bcandour (?:{NAMES})\b|(?<![\w<!-])--[a-z][a-z-]*\b")
CHANNEL = re.compile(rf"{TYPED.pattern}|\bCANDOUR_[A-Z_]*")
PROBLEM = {"type", "title", "status", "detail", "code"}
# The doctor answers at a command line alone; below it is checked that nothing else asks it.
AT_A_SHELL = "survey/doctor/"


# (a) Codes


@dataclass(frozen=True)
class Raised:
    """One call that refuses: where, its code (None where it is handed through), and what it says it
    is about.
    """

    line: int
    code: str | None
    names: frozenset[str]
    has_sentence: bool


def refusals(source: str) -> Iterator[Raised]:
    """Every call that makes a refusal."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func).rpartition(".")[2]
        if called not in {"Refused", "NotFound", "NotAllowed", "flush_or_refuse"}:
            continue
        first = node.args[0] if node.args else None
        word = first.value if isinstance(first, ast.Constant) else None
        if called == "NotFound" and word:
            word = f"unknown-{str(word).replace(' ', '-')}"
        names = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
        yield Raised(node.lineno, word, names, len(node.args) > 1)


def uncoded(source: str) -> list[int]:
    """The lines that refuse without a code of words joined by hyphens and a sentence after it."""
    return [
        one.line
        for one in refusals(source)
        if one.code is None or not KEBAB.fullmatch(one.code) or not one.has_sentence
    ]


def handed_through(source: str) -> list[int]:
    """The line inside `flush_or_refuse` that raises what its callers name."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    spans = [one for one in functions if one.name == "flush_or_refuse"]
    return [line for one in spans for line in range(one.lineno, (one.end_lineno or 0) + 1)]


def test_every_refusal_has_a_code_and_a_sentence() -> None:
    faults = []
    for path in CODE:
        source = path.read_text()
        lines = set(uncoded(source)) - set(handed_through(source))
        if path.name not in {"errors.py", "hints.py"}:
            faults += [f"{path.relative_to(ROOT)}:{line}" for line in sorted(lines)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "source",
    [
        'raise Refused("There is no such wave.")',
        'raise Refused("no_wave", "There is none.")',
        'raise Refused("Wave-Gone", "It is gone.")',
        'raise Refused(f"{what}-gone", "It is gone.")',
        'raise Refused("wave-gone")',
        'raise errors.NotFound("wave")',
        'flush_or_refuse("Somebody was as fast.")',
    ],
)
def test_a_refusal_without_a_code_is_found(source: str) -> None:
    assert uncoded(source) == [1]


def test_codes_are_read_from_each_way_to_refuse() -> None:
    source = 'NotFound("reply to a wave", "No.")\nRefused("wave-void", "No.", wave=slug)'
    assert [(one.code, one.names) for one in refusals(source)] == [
        ("unknown-reply-to-a-wave", frozenset()),
        ("wave-void", frozenset({"wave"})),
    ]
    assert NotFound("reply to a wave", "No.").code == "unknown-reply-to-a-wave"


def unraised(hints: Mapping[str, Hint], sources: Mapping[str, str]) -> set[str]:
    """The codes that have a hint and are raised nowhere."""
    return set(hints) - {
        one.code for source in sources.values() for one in refusals(source) if one.code
    }


def unfilled(hints: Mapping[str, Hint], sources: Mapping[str, str]) -> list[str]:
    """The refusals that do not hand their hint what it needs."""
    return [
        f"{name}:{one.line} lacks {', '.join(sorted(lacking))}"
        for name, source in sources.items()
        for one in refusals(source)
        if one.code in hints
        and (
            lacking := {*re.findall(r"\{(\w+)\}", hints[one.code].command), *hints[one.code].takes}
            - one.names
        )
    ]


def all_sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in CODE
        if path.name != "hints.py"
    }


def test_every_hint_belongs_to_a_refusal_that_hands_it_what_it_needs() -> None:
    assert unraised(HINTS, all_sources()) == set()
    assert unfilled(HINTS, all_sources()) == []
    assert list(HINTS) == sorted(HINTS)


def test_a_hint_to_nothing_and_one_that_is_not_filled_are_found() -> None:
    hints = {"wave-gone": Hint(command="candour waves open {wave}"), "never-so": Hint()}
    sources = {"a.py": 'raise Refused("wave-gone", "It is gone.", survey=slug)'}
    assert unraised(hints, sources) == {"never-so"}
    assert unfilled(hints, sources) == ["a.py:1 lacks wave"]


# (b) Where hints lead


@pytest.fixture(scope="module")
def world(templates: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of this walk's own: what is provoked changes it."""
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "candour.db").write_bytes(
        Path(templates["sqlite"].removeprefix("sqlite:///")).read_bytes()
    )
    app = create_app(settings(f"sqlite:///{folder / 'candour.db'}", folder))
    with app.app_context():
        yield build_world(app, with_mail=False)
        db.session.remove()
        db.engine.dispose()


def dead_links(hints: Mapping[str, Hint], app: Flask) -> list[str]:
    """The hints whose page does not exist, takes other arguments, or has no words."""
    takes: dict[str, list[set[str]]] = {}
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            takes.setdefault(rule.endpoint, []).append(set(rule.arguments))
    return [
        code
        for code, hint in hints.items()
        if (hint.endpoint or hint.link or hint.takes)
        and (
            not hint.link
            or set(hint.takes) not in takes.get(hint.endpoint, [])
            or hint.needs_nothing
        )
    ]


def test_every_link_of_a_hint_leads_to_a_page(world: World) -> None:
    assert dead_links(HINTS, world.app) == []


def test_a_link_that_leads_nowhere_is_found(world: World) -> None:
    hints = {
        "a-b": Hint(link="All", endpoint="console.nowhere"),
        "a-c": Hint(link="Skip it", endpoint="waves.skip_wave", takes=("survey",)),
        "a-d": Hint(endpoint="console.dashboard"),
        "a-e": Hint(link="All"),
        "a-f": Hint(link="Skip it", endpoint="waves.skip_wave", takes=("wave",)),
        "a-g": Hint(link="End it", endpoint="vault.end_cokey"),
    }
    assert dead_links(hints, world.app) == ["a-b", "a-c", "a-d", "a-e", "a-g"]


def wrong_commands(text: str) -> list[str]:
    """The commands and options in a text that the command line does not know."""
    faults = []
    every_option = {
        option for command in COMMANDS.values() for one in command.params for option in one.opts
    }
    before, *typed = re.split(r"\bcandour (?=[a-z])", text)
    faults += [
        option for option in re.findall(r"(?<!\S)--[a-z-]+", before) if option not in every_option
    ]
    for part in typed:
        command: click.Command = candour
        for word in re.findall(r"[a-z][a-z-]*", part):
            if not isinstance(command, click.Group):
                break
            following = children(command).get(word)
            if following is None:
                break
            command = following
        if isinstance(command, click.Group):
            faults.append(f"candour {part}")
            continue
        known = {option for one in command.params for option in one.opts}
        faults += [
            option for option in re.findall(r"(?<!\S)--[a-z-]+", part) if option not in known
        ]
    return faults


def strings(source: str) -> list[tuple[int, str]]:
    """The strings of a module that are no docstrings, with their lines."""
    tree = ast.parse(source)
    bodies = [
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


def test_every_command_that_a_hint_names_exists() -> None:
    texts = [text for _, text in strings((ROOT / "survey/kernel/hints.py").read_text())]
    assert [fault for text in texts for fault in wrong_commands(text)] == []
    assert sum("candour " in text for text in texts) > 10


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("See: candour waves list", []),
        ('Close it: candour waves close {wave} --early "REASON". Or: candour waves list', []),
        ('Say it with --reason "...".', []),
        ("Name a file that candour backup wrote.", []),
        ("See: candour waves fly", ["candour waves fly"]),
        ("See: candour waves", ["candour waves"]),
        ("candour waves close {wave} --late", ["--late"]),
        ("Say it with --no-such-word.", ["--no-such-word"]),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, faults: list[str]) -> None:
    assert wrong_commands(text) == faults


# (c) Rules and services know no command line


def is_rule_or_service(name: str) -> bool:
    """By its path, below survey/."""
    *folders, file = Path(name).with_suffix("").parts[1:]
    return bool({"rules", "service"} & {*folders, file})


def typed_in(source: str) -> list[int]:
    """The lines with a string that names a command or an option of ours.

    Those of PostgreSQL's tools are theirs.
    """
    return sorted(
        line for line, text in strings(source) if TYPED.search(text) and not text.startswith("pg_")
    )


def test_rules_and_services_name_no_command() -> None:
    faults = [
        f"{name}:{line}"
        for name, source in all_sources().items()
        if is_rule_or_service(name) and not name.startswith(AT_A_SHELL)
        for line in typed_in(source)
    ]
    assert not faults, "\n".join(faults)


def test_a_command_in_a_rule_is_found_and_a_docstring_let_through() -> None:
    source = '''
"""As `candour waves list --json` shows."""
def f():
    """Like `candour waves list`."""
    raise Refused("a-b", f"{x} is gone. See: candour waves list")
    raise Refused("a-b", "Say why: --reason.")
    raise Refused("a-b", "Candour waves no flag; a dash -- or <!--x--> is none.")
'''
    assert typed_in(source) == [5, 6]


@pytest.mark.parametrize(
    ("name", "is_so"),
    [
        ("survey/waves/rules/checks.py", True),
        ("survey/vault/keys/service/key_files.py", True),
        ("survey/counting/service.py", True),
        ("survey/counting/commands.py", False),
        ("survey/kernel/hints.py", False),
        ("survey/cli.py", False),
    ],
)
def test_rooms_are_told_by_their_paths(name: str, is_so: bool) -> None:  # noqa: FBT001 - a table of cases
    assert is_rule_or_service(name) is is_so


def test_the_doctor_is_asked_at_a_command_line_alone() -> None:
    asking = {name for name, source in all_sources().items() if "survey.doctor" in source}
    assert asking == {"survey/cli.py"}


# (d) What people and programs are told


UNKNOWN = {
    "wave": "no-such-wave",
    "survey": "no-such-survey",
    "person_id": "nobody",
    "provider": "no-such-provider",
    "contact_id": "nobody",
    "slug": "no-such-questionnaire",
}
# An employee's page says the same to everybody; the library serves files.
OWN_WAYS = EMPLOYEE | STOP | {"static"}
SIGNS_OUT = {"security.logout", "access.sign_out_everywhere"}
FORMS: tuple[Mapping[str, str], ...] = (
    {},
    {"reason": " ", "name": " ", "day": "tomorrow", "email": "ada", "public": "aaaaaaaa"},
    {"reason": "\t", "name": "x" * 500, "day": "2027-04-26", "email": "nobody@northwind.example"},
)


def named_channels(response: TestResponse) -> list[str]:
    """Every command, option and setting that an answer names."""
    text = re.sub(r"<!--.*?-->", "", response.text, flags=re.DOTALL)
    return CHANNEL.findall(text)


def problem_of(response: TestResponse) -> dict[str, object]:
    """The problem that a program is told (RFC 9457)."""
    assert response.content_type == "application/problem+json", (
        response.status,
        response.text[:200],
    )
    said: dict[str, object] = json.loads(response.text)
    assert set(said) >= PROBLEM, said
    assert said["status"] == response.status_code
    assert KEBAB.fullmatch(str(said["code"])), said
    return said


def provoked(world: World, role: str | None, accept: str) -> Iterator[tuple[str, TestResponse]]:
    """Every page, and every form empty and with rubbish, at all addresses that a route has here."""
    client = world.browser(role)
    csrf = token(client)
    # From elsewhere, so that failed links keep nobody else from signing in.
    asked: dict[str, object] = {
        "headers": {"Accept": accept},
        "environ_overrides": {"REMOTE_ADDR": "10.9.8.7"},
    }
    for rule in routes(world.app, "POST"):
        if rule.endpoint in OWN_WAYS | SIGNS_OUT:
            continue
        for address, fields in product(world.addresses(rule), FORMS):
            yield (
                f"POST {address}",
                client.post(address, data={"csrf_token": csrf, **fields}, **asked),
            )
    for rule in routes(world.app, "GET"):
        for address in world.addresses(rule):
            yield f"GET {address}", client.get(address, **asked)
    assert role is None or client.get("/account").status_code == 200, "signed out on the way"


def test_no_answer_to_a_refusal_names_a_command_an_option_or_a_setting(world: World) -> None:
    """A browser and then a program, so that what succeeded at first is refused the second time."""
    told: set[str] = set()
    codes: set[str] = set()
    statuses: set[int] = set()
    for role, accept in product((None, "viewer", "manager"), ("text/html", "application/json")):
        for address, response in provoked(world, role, accept):
            statuses.add(response.status_code)
            assert response.status_code < 500, f"{address} as {role}"
            if "html" in response.content_type or "json" in response.content_type:
                told |= {f"{address} as {role}: {one}" for one in named_channels(response)}
            if response.content_type == "application/problem+json":
                codes.add(str(json.loads(response.text).get("code")))
    assert not told, "\n".join(sorted(told))
    assert {302, 400, 403, 404, 409} <= statuses
    assert codes >= {
        "unknown-wave",
        "unknown-survey",
        "unknown-holiday",
        "wave-opened-already",
        "wave-not-planned",
        "wave-without-representative",
        "survey-ended",
        "early-reason-missing",
        "day-unreadable",
    }, codes


@pytest.mark.parametrize("argument", UNKNOWN)
def test_what_is_not_there_is_404_on_a_page_and_with_its_code_to_a_program(
    world: World, argument: str
) -> None:
    client = world.browser("manager")
    csrf, tried = token(client), 0
    for rule in sorted(world.app.url_map.iter_rules(), key=str):
        if rule.endpoint in OWN_WAYS or argument not in rule.arguments:
            continue
        samples = {name: values[:1] for name, values in world.samples.items()}
        known = World(world.app, {**samples, argument: [UNKNOWN[argument]]})
        for address in known.addresses(rule):
            for accept in ("text/html", "application/json"):
                if "GET" in (rule.methods or ()):
                    response = client.get(address, headers={"Accept": accept})
                else:
                    response = client.post(
                        address,
                        data={"csrf_token": csrf, "reason": "flood"},
                        headers={"Accept": accept},
                    )
                if response.status_code == 403:  # an administrator's
                    continue
                assert response.status_code == 404, (address, accept, response.status)
                tried += 1
                if accept == "application/json":
                    assert str(problem_of(response)["code"]).startswith("unknown-"), address
                else:
                    assert "<h1>Not found</h1>" in response.text, address
    assert tried >= 2


@pytest.mark.parametrize(
    ("address", "fields", "code"),
    [
        ("/waves/{open}/close", {}, "early-reason-missing"),
        ("/waves/{open}/skip", {"reason": "x"}, "wave-open-already"),
        ("/waves/{open}/ceremony", {}, "wave-without-representative"),
        ("/waves/no-such-wave/close", {}, "unknown-wave"),
        ("/organisation/holidays", {"day": "tomorrow"}, "day-unreadable"),
        ("/organisation/holidays/remove", {"day": "2027-04-26"}, "unknown-holiday"),
        ("/organisation/cokey", {"name": "Rosa", "public": "a"}, "public-key-unreadable"),
        ("/organisation/cokey/end", {"name": "Rosa"}, "unknown-co-key"),
        ("/surveys", {}, "survey-not-planned"),
        ("/surveys/no-such-survey/pause", {}, "unknown-survey"),
        ("/people/nobody/address", {"email": "ada@northwind.example"}, "unknown-person"),
        ("/people/addresses/nobody", {"decision": "confirm"}, "unknown-proposal"),
    ],
)
def test_a_refused_form_is_a_problem_to_a_program(
    world: World, address: str, fields: dict[str, str], code: str
) -> None:
    client = world.browser("admin")
    data = {"csrf_token": token(client), **fields}
    to = address.format(open=world.samples["wave"][1])
    said = problem_of(client.post(to, data=data, headers={"Accept": "application/json"}))
    assert said["code"] == code
    assert said["type"] == "about:blank"


def test_a_page_that_names_a_command_is_found(tmp_path: Path, templates: dict[str, str]) -> None:
    (tmp_path / "candour.db").write_bytes(
        Path(templates["sqlite"].removeprefix("sqlite:///")).read_bytes()
    )
    app = create_app(settings(f"sqlite:///{tmp_path / 'candour.db'}", tmp_path))

    def leak() -> str:
        raise Refused("wave-leaks", "See: candour waves list --json, and CANDOUR_KEY_DIR.")

    def gone() -> str:
        raise NotFound("wave", "There is no wave 'x'.")

    app.add_url_rule("/leak", "leak", open_to("everyone")(leak))
    app.add_url_rule("/gone", "gone", open_to("everyone")(gone))
    with app.app_context():
        client = browser(app)
        for accept in ("text/html", "application/json"):
            response = client.get("/leak", headers={"Accept": accept})
            assert response.status_code == 409
            assert named_channels(response) == ["candour waves", "--json", "CANDOUR_KEY_DIR"]
        program = client.get("/gone", headers={"Accept": "application/problem+json"})
        assert problem_of(program)["code"] == "unknown-wave"
        page = client.get("/gone")
        assert (page.status_code, named_channels(page)) == (404, [])
        with pytest.raises(AssertionError):
            problem_of(page)
        db.engine.dispose()

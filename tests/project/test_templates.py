"""A template takes only what its own room or a lower one provides.

Includes, imports, globals of context processors.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import Environment, meta, nodes

from survey.app import create_app
from tests.conftest import settings

ROOT = Path(__file__).parents[2]
FLOORS = next(
    contract["layers"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    if contract["id"] == "floors"
)
HEIGHT = {
    room.strip(" ()"): height
    for height, layer in enumerate(reversed(FLOORS))
    for room in layer.split("|")
}
SHARED = {
    "components",
    "layouts",
    "errors",
}  # what every page is made of; they take what `access` gives every page
TEMPLATES = {
    path.relative_to(ROOT / "templates").as_posix(): path
    for path in (ROOT / "templates").rglob("*.*")
}


def room_of(template: str) -> str:
    room = template.split("/", maxsplit=1)[0]
    return "access" if room in SHARED else room


def climbs(
    name: str, source: str, provided_by: Mapping[str, str], environment: Environment
) -> list[str]:
    """What a template takes from a room that is not its own and no lower one."""
    tree, own = environment.parse(source), room_of(name)
    taken = {
        template: room_of(template) for template in meta.find_referenced_templates(tree) if template
    }
    names = meta.find_undeclared_variables(tree) | {node.name for node in tree.find_all(nodes.Name)}
    taken |= {known: provided_by[known] for known in names if known in provided_by}
    return [
        f"templates/{name} takes {what!r} from {room}: hand it over from a view of a room that may"
        " see both"
        for what, room in sorted(taken.items())
        if room != own and HEIGHT[room] >= HEIGHT[own]
    ]


def rooms_that_provide(app: Flask) -> dict[str, str]:
    """Each name that our own context processors and globals add to every template, with the room it
    comes from.
    """
    ours: dict[str, str] = {}
    with app.test_request_context():
        for processors in app.template_context_processors.values():
            for processor in processors:
                if processor.__module__.startswith("survey."):
                    ours |= dict.fromkeys(processor(), processor.__module__.split(".")[1])
    given: dict[str, Callable[..., object]] = {
        key: value for key, value in app.jinja_env.globals.items() if callable(value)
    }
    return ours | {
        key: value.__module__.split(".")[1]
        for key, value in given.items()
        if f"{value.__module__}".startswith("survey.")
    }


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("templates")
    return create_app(settings(f"sqlite:///{folder / 'candour.db'}", folder))


def test_each_template_stands_in_a_room() -> None:
    assert {name for name in TEMPLATES if room_of(name) not in HEIGHT} == set()


def test_no_template_takes_what_a_higher_room_provides(app: Flask) -> None:
    provided_by = rooms_that_provide(app)
    found = [
        fault
        for name, path in TEMPLATES.items()
        for fault in climbs(name, path.read_text(), provided_by, app.jinja_env)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        '{% include "console/sending.html" %}',
        '{% extends "followups/write.html" %}',
        '{% from "accountability/reply.html" import row %}',
        "{{ standing_of(wave) }}",
        "{% if standing_of %}x{% endif %}",
    ],
)
def test_a_template_that_climbs_is_found(app: Flask, source: str) -> None:
    assert climbs("findings/share.html", source, {"standing_of": "followups"}, app.jinja_env)


@pytest.mark.parametrize(
    "source",
    [
        '{% include "findings/list.html" %}',
        '{% from "components/forms.html" import problems %}',
        "{{ wave }}",
    ],
)
def test_what_lies_lower_is_let_through(app: Flask, source: str) -> None:
    assert climbs("findings/share.html", source, {"standing_of": "followups"}, app.jinja_env) == []


def rendered(source: str) -> list[str]:
    """The templates that a module renders, by name."""
    return re.findall(r'"([a-z_]+/[a-z_/]+\.html)"', source)


def test_templates_stand_with_the_room_that_renders_them() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} renders templates/{name}: move it to"
        f" templates/{path.relative_to(ROOT / 'survey').parts[0]}/"
        for path in (ROOT / "survey").rglob("views*/**/*.py")
        for name in rendered(path.read_text())
        if name.split("/")[0] not in {path.relative_to(ROOT / "survey").parts[0], *SHARED}
    ]
    wrong += [
        f"{path.relative_to(ROOT)} renders templates/{name}"
        for path in (ROOT / "survey").rglob("views.py")
        for name in rendered(path.read_text())
        if name.split("/")[0] not in {path.relative_to(ROOT / "survey").parts[0], *SHARED}
    ]
    assert wrong == []


def test_every_template_is_used() -> None:
    everything = "\n".join(
        path.read_text() for path in [*(ROOT / "survey").rglob("*.py"), *TEMPLATES.values()]
    )
    unused = {name for name in TEMPLATES if name not in everything and "/letters/" not in name}
    assert unused == set()

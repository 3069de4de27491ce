"""What the documents say is what the code does."""

import importlib.util
import re
import shlex
from dataclasses import fields
from itertools import takewhile
from pathlib import Path
from types import ModuleType

import click
import pytest

from survey.config import Config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "deploy").glob("*.md")])


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """The script behind `make docs`."""
    spec = importlib.util.spec_from_file_location("write_commands", DOCS / "write_commands.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented(page: str) -> list[str]:
    """The settings that a page gives a heading."""
    return re.findall(r"^### `(CANDOUR_[A-Z_]+)`$", page, re.MULTILINE)


def test_every_setting_has_its_paragraph_and_every_paragraph_its_setting() -> None:
    settings = {f"CANDOUR_{field.name.upper()}" for field in fields(Config)} - {"CANDOUR_SOURCES"}
    named = documented((DOCS / "settings.md").read_text())
    assert sorted(named) == sorted(settings)


def test_every_paragraph_about_a_setting_names_its_default_and_an_example() -> None:
    parts = re.split(r"^### ", (DOCS / "settings.md").read_text(), flags=re.MULTILINE)[1:]
    assert [
        part.splitlines()[0] for part in parts if "Default: " not in part or "Example: " not in part
    ] == []


def test_no_page_speaks_of_a_setting_that_does_not_exist() -> None:
    settings = {f"CANDOUR_{field.name.upper()}" for field in fields(Config)} | {
        "CANDOUR_TESTS_COMPLETE"
    }
    spoken = {
        name for page in PAGES for name in re.findall(r"\bCANDOUR_[A-Z_]*[A-Z]\b", page.read_text())
    }
    assert spoken <= settings
    assert {"CANDOUR_DATABASE_URL", "CANDOUR_KEY_DIR"} <= spoken


def test_every_command_explains_itself_and_shows_an_example_that_it_understands(
    writer: ModuleType,
) -> None:
    contexts = writer.every_command()
    assert len(contexts) > 20
    for context in contexts:
        explanation, example = writer.split_help(context.command)
        assert len(explanation.split()) >= 3, (
            f"{context.command_path}: say in a sentence what it does"
        )
        assert example.startswith(context.command_path), (
            f"{context.command_path}: the help lacks `Example: {context.command_path} ...`"
        )
        words = takewhile(lambda word: word not in {">", "|"}, shlex.split(example))
        context.command.make_parser(context).parse_args(
            list(words)[len(context.command_path.split()) :]
        )


def test_an_example_with_an_option_that_does_not_exist_is_found() -> None:
    command = click.Command("open", params=[click.Option(["--early"])])
    with pytest.raises(click.NoSuchOption):
        command.make_parser(click.Context(command)).parse_args(["--late", "x"])


def test_the_page_about_commands_is_what_the_commands_say(writer: ModuleType) -> None:
    assert (DOCS / "commands.md").read_text() == writer.page(), "run: make docs"


def test_every_command_named_in_the_documents_exists(writer: ModuleType) -> None:
    known = {context.command_path for context in writer.every_command()}
    named = {
        " ".join(line.split())
        for page in PAGES
        for line in re.findall(r"`candour ((?:[a-z]+ ?)+)", page.read_text())
    }
    unknown = {
        words
        for words in named
        if not any(
            f"candour {words} ".startswith(f"{path} ") or path.startswith(f"candour {words}")
            for path in known
        )
    }
    assert not unknown


def test_every_link_between_documents_leads_somewhere() -> None:
    links = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    ]
    assert links
    assert [
        f"{page.name}: {link}"
        for page, link in links
        if "://" not in link and not (page.parent / link).exists()
    ] == []


def test_every_target_of_the_makefile_is_listed_by_its_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    described = set(re.findall(r"^([a-z-]+):.*  ## \S", makefile, re.MULTILINE))
    assert set(phony[1].split()) - {"tools"} == described


def test_the_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(
            r"(?:^|`)(?:[A-Z]+=\w+ )?make ([a-z-]+)", page.read_text(), re.MULTILINE
        )
    }
    assert {"demo", "test"} <= named <= targets


def test_every_decision_says_why_and_what_follows() -> None:
    records = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    assert [
        path.name
        for path in records
        if not all(
            f"## {part}" in path.read_text() for part in ("Context", "Decision", "Consequences")
        )
    ] == []


def test_the_tests_that_the_page_on_delivery_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "delivery.md").read_text()))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 50
    assert named <= there, f"docs/delivery.md names tests that are gone: {sorted(named - there)}"

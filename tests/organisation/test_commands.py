"""`candour organisation`: exit codes, and all faults at once."""

from pathlib import Path

import pytest
from flask import Flask

from survey.organisation.service import find_organisation
from tests.outside import Candour, command_line

SENDER = "Dana Reyes <feedback@northwind.example>"


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    """The command line on this test's database."""
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


def test_the_facts_are_shown_before_and_after_they_are_set(candour: Candour) -> None:
    assert candour("organisation", "show").out.startswith(
        "Northwind\ncontact: Dana Reyes <feedback@northwind.example>\n"
    )
    options = [
        "--contact",
        "Dana Reyes <dana@northwind.example>",
        "--comments-read-by",
        "Head of operations",
        "--host",
        "nw.example",
    ]
    said = candour("organisation", "set", "Northwind Ltd", *options, "--several-zones")
    assert (said.code, said.out) == (
        0,
        "Northwind Ltd: questions go to Dana Reyes, comments are read by Head of operations.\n",
    )
    assert find_organisation(SENDER).several_zones
    assert "contact: Dana Reyes <dana@northwind.example>" in candour("organisation", "show").out


@pytest.mark.parametrize(
    "contact",
    ["Dana", "", "Dana <dana@northwind>", "Dana\nBcc: x@y.example <dana@northwind.example>"],
)
def test_a_contact_that_mail_cannot_reach_is_refused_with_all_else_that_is_wrong(
    candour: Candour, contact: str
) -> None:
    said = candour(
        "organisation", "set", " ", "--contact", contact, "--comments-read-by", "Head", "--host", ""
    )
    assert (said.code, said.out) == (1, "")
    first, *faults = said.err.splitlines()
    assert first == "The facts are not complete. Nothing was changed."
    assert {"  Say the organisation's name.", "  Say who runs the server."} < set(faults)
    assert find_organisation(SENDER).name == "Northwind"


def test_wrong_usage_exits_with_2(candour: Candour) -> None:
    said = candour("organisation", "set", "Northwind Ltd")
    assert (said.code, said.out) == (2, "")
    assert "Missing option '--contact'" in said.err

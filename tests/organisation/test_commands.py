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


FACTS = ("--contact", "Dana Reyes <dana@northwind.example>", "--host", "nw.example")


def test_one_or_two_accounts_are_named_and_a_role_alone_names_nobody(candour: Candour) -> None:
    by_role = candour("organisation", "set", "NW", *FACTS, "--comments-read-by", "Head of IT")
    assert by_role.code == 0
    assert by_role.err.startswith("Note: no account is named, so nobody can read comments.")
    unknown = candour("organisation", "set", "NW", *FACTS, "--comments-read-by", "mira@nw.example")
    assert unknown.code == 1
    assert "'mira@nw.example' cannot read comments: there is no such account" in unknown.err
    for email in ("mira@nw.example", "ed@nw.example"):
        assert candour("users", "add", email, "--role", "manager").code == 0
    both = "Mira Vance <mira@nw.example>, ed@nw.example"
    named = candour("organisation", "set", "NW", *FACTS, "--comments-read-by", both)
    assert (named.code, named.err) == (0, "")
    assert named.out.endswith("read by Mira Vance and ed@nw.example, Head of IT.\n")
    role = ("--readers-role", "Works council")
    again = candour("organisation", "set", "NW", *FACTS, "--comments-read-by", both, *role)
    assert again.out.endswith("read by Mira Vance and ed@nw.example, Works council.\n")
    by_role = candour("organisation", "set", "NW", *FACTS, "--comments-read-by", "Head of IT")
    assert (by_role.code, by_role.err) == (0, "")  # an old call keeps who is named
    assert len(find_organisation(SENDER).readers) == 2


def test_the_other_facts_are_set_and_shown(candour: Candour) -> None:
    before = candour("organisation", "show").out
    assert "only suggested by the sender's address" in before
    more = ("--mail-domains", "nw.example,Müller.example", "--provider-runs-mail", "yes")
    weekend = ("--weekend", "friday,saturday")
    said = candour(
        "organisation", "set", "NW", *FACTS, "--comments-read-by", "Head", *more, *weekend
    )
    assert said.code == 0
    shown = candour("organisation", "show").out
    assert "mail domains: nw.example, xn--mller-kva.example\n" in shown
    assert "provider runs mail or network: yes\n" in shown
    assert "weekend: friday, saturday\n" in shown
    assert "only suggested" not in shown
    wrong = candour(
        "organisation", "set", "NW", *FACTS, "--comments-read-by", "Head", "--weekend", "sat"
    )
    assert (wrong.code, "'sat' is no day of the week" in wrong.err) == (1, True)

"""`candour providers`: exit codes, one refusal, JSON and nothing else."""

import json
from pathlib import Path

import pytest
from flask import Flask

from survey.providers.service import find_provider, list_providers
from tests.outside import Candour, command_line


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


def test_a_provider_and_further_contacts_are_added_and_removed(candour: Candour) -> None:
    assert candour("providers", "add", "Brightline IT").out == "Brightline IT: no contact yet\n"
    said = candour(
        "providers",
        "add",
        "brightline it",
        "--contact",
        "Otto <otto@brightline.example>",
        "--contact",
        "pia@brightline.example",
    )
    assert (said.code, said.err) == (0, "")
    assert (
        said.out == "Brightline IT: Otto <otto@brightline.example>, pia@brightline.example"
        " <pia@brightline.example>\n"
    )
    assert (
        candour("providers", "remove-contact", "Brightline IT", "otto@brightline.example").out
        == "Removed. 1 contacts left.\n"
    )


def test_contacts_of_a_known_provider_come_all_or_none_with_all_faults(candour: Candour) -> None:
    candour("providers", "add", "Brightline IT")
    contacts = [
        "--contact",
        "Otto <otto@brightline.example>",
        "--contact",
        "Pia <pia@>",
        "--contact",
        "Olga\r\nBcc: x@y.example",
    ]
    said = candour("providers", "add", "Brightline IT", *contacts)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("No contact was added.\n  ")
    assert len(said.err.splitlines()) == 4
    assert find_provider("Brightline IT").contacts == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "Brightline IT"], "There is a provider named Brightline IT already."),
        (
            ["remove-contact", "Brightline IT", "otto@brightline.example"],
            "Brightline IT has no contact with the address",
        ),
        (
            ["remove-contact", "Nobody", "otto@brightline.example"],
            "There is no provider 'Nobody'. Known: Brightline IT",
        ),
    ],
)
def test_a_refusal_is_one_line_on_standard_error(
    candour: Candour, arguments: list[str], message: str
) -> None:
    candour("providers", "add", "Brightline IT")
    said = candour("providers", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith(message)
    assert len(list_providers()) == 1


def test_wrong_usage_exits_with_2(candour: Candour) -> None:
    for arguments in (["add"], ["remove-contact", "Brightline IT"], ["list", "--yaml"]):
        assert candour("providers", *arguments).code == 2


def test_the_list_as_json_is_one_document_and_nothing_else(candour: Candour) -> None:
    assert json.loads(candour("providers", "list", "--json").out) == {"providers": []}
    assert "There is no provider yet" in candour("providers", "list").err
    candour("providers", "add", "Brightline IT", "--contact", "Zoë <zoe@brightline.example>")
    said = candour("providers", "list", "--json")
    contact = {"name": "Zoë", "address": "zoe@brightline.example"}
    assert json.loads(said.out) == {
        "providers": [{"slug": "brightline-it", "name": "Brightline IT", "contacts": [contact]}]
    }
    assert said.err == ""

"""`candour people`: exit codes, one line of refusal, JSON and nothing else."""

import json
from pathlib import Path

import pytest
from flask import Flask

from survey.kernel import progress
from survey.people.service.directory import import_people, list_people
from tests.cast import staff_csv
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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A staff list of three."""
    path = tmp_path / "staff.csv"
    path.write_bytes(staff_csv({"Sales": 2, "Legal": 1}))
    return path


def test_an_import_tells_numbers_and_a_dry_run_changes_nothing(
    candour: Candour, file: Path
) -> None:
    tried = candour("people", "import", file, "--dry-run")
    assert (tried.code, tried.out, tried.err) == (
        0,
        "3 would be added, 0 would be changed, 0 unchanged, 0 would be removed.\n",
        "",
    )
    assert list_people() == ()
    assert candour("people", "import", file).out == "3 added, 0 changed, 0 unchanged, 0 removed.\n"
    assert candour("people", "import", file).out == "0 added, 0 changed, 3 unchanged, 0 removed.\n"


def test_nobody_leaves_without_remove_missing(candour: Candour, file: Path) -> None:
    candour("people", "import", file)
    file.write_bytes(staff_csv({"Sales": 1}))
    assert (
        "2 in Candour are not in the file and stay. To remove them: --remove-missing"
        in candour("people", "import", file).out
    )
    assert len(list_people()) == 3
    assert (
        candour("people", "import", file, "--remove-missing").out
        == "0 added, 0 changed, 1 unchanged, 2 removed.\n"
    )
    assert len(list_people()) == 1


def test_a_refused_import_names_every_row_on_standard_error(candour: Candour, file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\nbad,Bo,Sales\nada@northwind.example,Ada,Sales\n")
    for more in ([], ["--dry-run"]):
        said = candour("people", "import", file, *more)
        assert (said.code, said.out) == (1, "")
        assert said.err.splitlines() == [
            "2 of 5 rows need a correction. Nothing has been changed.",
            (
                "  row 5, email: bad. Not a mail address: it has no “@”. Write it like"
                " name@company.example."
            ),
            (
                "  row 6, email: ada@northwind.example. The same address is in row 2. Keep one of"
                " the two."
            ),
        ]
    assert list_people() == ()


def test_wrong_usage_exits_with_2(candour: Candour, file: Path, tmp_path: Path) -> None:
    for arguments in (
        ["import"],
        ["import", tmp_path / "none.csv"],
        ["import", tmp_path],
        ["import", file, "--nonsense"],
        ["dance"],
    ):
        said = candour("people", *arguments)
        assert (said.code, said.out) == (2, ""), arguments
        assert "Error: " in said.err


def test_the_list_as_json_is_one_document_and_nothing_else(candour: Candour) -> None:
    assert json.loads(candour("people", "list", "--json").out) == {"people": []}
    import_people(
        (
            "email,name,department,site,leader\nada@northwind.example,Ada Çelik,Sales,Leeds,yes\n"
        ).encode()
    )
    said = candour("people", "list", "--json")
    ada = {
        "email": "ada@northwind.example",
        "name": "Ada Çelik",
        "department": "Sales",
        "site": "Leeds",
        "language": "",
        "leader": True,
    }
    assert (said.code, said.err, json.loads(said.out)) == (0, "", {"people": [ada]})


@pytest.mark.parametrize(
    "arguments",
    [["remove", "nobody@northwind.example"], ["correct", "ada@northwind.example", "ada"]],
)
def test_a_refusal_is_one_line_and_exit_code_1(candour: Candour, arguments: list[str]) -> None:
    import_people(staff_csv({"Sales": 1}))
    said = candour("people", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "Traceback" not in said.err


def test_people_are_corrected_and_removed(candour: Candour) -> None:
    import_people(staff_csv({"Sales": 1}))
    assert (
        candour("people", "correct", "ada@northwind.example", "ada.berg@northwind.example").out
        == "Ada Berg is now ada.berg@northwind.example. The old address is told that it was"
        " changed.\n"
    )
    assert (
        candour("people", "remove", "ada.berg@northwind.example").out
        == "ada.berg@northwind.example removed.\n"
    )
    assert list_people() == ()


def test_long_work_reports_plain_lines_where_there_is_no_terminal(
    candour: Candour, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BEFORE_PROGRESS", 0.0)
    said = candour("people", "import", file)
    assert (said.out, said.err) == (
        "3 added, 0 changed, 0 unchanged, 0 removed.\n",
        "Importing people: 3 of 3\n",
    )

"""`candour questionnaires`: round trips through files, exit codes, JSON and nothing else."""

import json
from pathlib import Path

import pytest
import yaml
from flask import Flask

from survey.questionnaires.service import LARGEST_IMPORT, find_questionnaire
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


def test_the_list_as_json_is_one_document_and_nothing_else(candour: Candour) -> None:
    said = candour("questionnaires", "list", "--json")
    assert (said.code, said.err) == (0, "")
    rows = {row["slug"]: row for row in json.loads(said.out)["questionnaires"]}
    assert rows["quarterly_8"] == {
        "slug": "quarterly_8",
        "title": "Quarterly survey",
        "questions": 8,
        "minutes": 2,
    }
    assert candour("questionnaires", "list").out.count("\n") == len(rows) == 7


def test_a_questionnaire_is_shown_with_its_scales_and_ways_out(candour: Candour) -> None:
    said = candour("questionnaires", "show", "quarterly_8").out
    assert "OVR1 (revision 1) Taking everything together" in said
    assert "/ Very satisfied / No experience of this" in said


@pytest.mark.parametrize(("form", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_an_export_edited_and_imported_is_asked_from_then_on(
    candour: Candour, tmp_path: Path, form: str, load: object
) -> None:
    assert callable(load)
    exported = candour("questionnaires", "export", "quarterly_8", "--format", form)
    made = load(exported.out)
    made["slug"] = "ours"
    made["questions"][0] |= {"text": "Are you happy with {provider}? Ümlaut", "revision": 2}
    file = tmp_path / f"ours.{form}"
    file.write_text(
        "\ufeff"
        + (json.dumps(made) if form == "json" else yaml.safe_dump(made, allow_unicode=True)),
        encoding="utf-8",
    )
    said = candour("questionnaires", "import", file)
    assert (said.code, said.out, said.err) == (
        0,
        "ours: 8 questions saved. Waves opened from now on ask them.\n",
        "",
    )
    assert find_questionnaire("ours").questions[0].text == "Are you happy with {provider}? Ümlaut"
    assert load(candour("questionnaires", "export", "ours", "--format", form).out) == made


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "is not a text file in UTF-8."),
        (b"x" * (LARGEST_IMPORT + 1), "is larger than 1 MiB"),
        (b"a: &x 1\nb: *x", "YAML anchors"),
        (b'a: !!int ""', "neither JSON nor YAML"),
        (b"{]", "begins like JSON but is none"),
        (b"{}", "lacks scales"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(
    candour: Candour, tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_bytes(content)
    said = candour("questionnaires", "import", file)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert message in said.err


def test_all_faults_of_a_document_are_listed_below_the_refusal(
    candour: Candour, tmp_path: Path
) -> None:
    made = json.loads(candour("questionnaires", "export", "monthly_3").out)
    made["questions"][0]["text"] = "Is {vendor} good?"
    made["questions"][1]["id"] = "1\x1b[31m"
    file = tmp_path / "ours.json"
    file.write_text(json.dumps(made))
    said = candour("questionnaires", "import", file)
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[0] == "The questionnaire has 2 faults."
    assert "OVR1: text: unknown placeholder {vendor}" in said.err
    assert "\x1b" not in said.err


def test_an_unknown_name_is_a_refusal_and_a_missing_one_wrong_usage(
    candour: Candour, tmp_path: Path
) -> None:
    for command in ("show", "export"):
        said = candour("questionnaires", command, "nothing")
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert "Known: annual_full, " in said.err
    for arguments in (
        ["show"],
        ["import", tmp_path / "none.json"],
        ["export", "quarterly_8", "--format", "xml"],
    ):
        assert candour("questionnaires", *arguments).code == 2

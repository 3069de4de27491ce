"""Spare copies of wave keys: under a passphrase, back only where they belong, destroyed in time."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.counting.service import close_wave, void_wave
from survey.database import db
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.vault.keys.service import key_files
from survey.vault.keys.service.safe_keeping import export_key, import_key, probe_key
from survey.vault.service.spare_copies import (
    confirm_copies_destroyed,
    copies_to_destroy,
    spare_copies,
)
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.answering.today import everything_stored, open_today
from tests.cast import Company, answer_all, close_company, found_company, open_company
from tests.outside import Candour, Said, browser, command_line
from tests.proofs import on_postgresql

PASSPHRASE = "seven brown owls on a fence"


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@dataclass
class Pipe:
    """A standard input that is no terminal."""

    buffer: io.BytesIO


@pytest.fixture
def typed(candour: Candour, monkeypatch: pytest.MonkeyPatch) -> Candour:
    """The command line with a passphrase on standard input."""

    def run(passphrase: str, *arguments: object) -> Said:
        monkeypatch.setattr("sys.stdin", Pipe(io.BytesIO(f"{passphrase}\n".encode())))
        return candour(*arguments, "--passphrase-stdin")

    return run


def key_file(company: Company) -> Path:
    assert company.config.key_dir
    return company.config.key_dir / f"{company.wave.id}.key"


@on_postgresql("databases")
def test_a_copy_brings_a_lost_key_back_and_the_wave_is_counted(
    app: Flask, typed: Candour, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:8])
    good, copy = key_file(company).read_bytes(), tmp_path / "spare.key"
    assert typed(PASSPHRASE, "keys", "export", company.wave.slug, copy).code == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not any(form in copy.read_bytes() for form in (good, good.hex().encode()))
    listed = audit.list_entries(what="key exported")
    assert [(entry.who, entry.facts["wave"], entry.facts["file"]) for entry in listed] == [
        ("command line", company.wave.slug, str(copy))
    ]
    key_file(company).unlink()
    probe_key(company.wave, company.config.key_dir, now(), actor="test")
    assert waves.find_wave(company.wave.slug).key_missing_since
    said = typed(PASSPHRASE, "keys", "import", company.wave.slug, copy)
    assert (said.code, said.err) == (0, "")
    assert (key_file(company).read_bytes(), key_file(company).stat().st_mode & 0o777) == (
        good,
        0o600,
    )
    assert waves.find_wave(company.wave.slug).key_missing_since is None
    assert [entry.what for entry in audit.list_entries()][:2] == ["key imported", "key missing"]
    assert close_company(company).state is WaveState.COUNTED


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("spoil", "passphrase", "says"),
    [
        ("", "eight brown owls on a fence", "passphrase is not the one"),
        ("another wave's", PASSPHRASE, "Take the right file"),
        ("a key made anew", PASSPHRASE, "does not open what was sealed"),
        ("cut", PASSPHRASE, "damaged"),
        ("flipped", PASSPHRASE, "damaged"),
        ("text", PASSPHRASE, "not a key file"),
        ("gone", PASSPHRASE, "cannot be read"),
    ],
)
def test_a_copy_that_does_not_fit_is_refused_and_changes_nothing(
    app: Flask, typed: Candour, tmp_path: Path, spoil: str, passphrase: str, says: str
) -> None:
    first, copy = found_company(), tmp_path / "spare.key"
    config = app.config["CANDOUR"]
    other = next(wave for wave in waves.list_waves() if wave.survey == "Noise")
    export_key(
        (other if spoil == "another wave's" else first).slug,
        copy,
        PASSPHRASE,
        config.key_dir,
        actor="test",
    )
    if spoil == "a key made anew":
        key_files.destroy_key(config.key_dir, first.id)
    from survey.launching.service.opening import open_wave

    company = Company(
        open_wave(first.slug, first.opens_at, config.key_dir, actor="test"), (), config
    )
    key_file(company).write_bytes(b"damaged")
    content = copy.read_bytes()
    document = json.loads(content)
    document["box"] = ("B" if document["box"][0] == "A" else "A") + document["box"][1:]
    spoilt = {"cut": content[:60], "flipped": json.dumps(document).encode(), "text": b"key"}
    copy.write_bytes(spoilt.get(spoil, content))
    if spoil == "gone":
        copy.unlink()
    before = everything_stored()
    said = typed(passphrase, "keys", "import", company.wave.slug, copy)
    assert (said.code, said.out) == (1, "")
    assert says in said.err
    assert len(said.err.splitlines()) == 1
    assert key_file(company).read_bytes() == b"damaged"
    assert everything_stored() == before


@on_postgresql("databases")
def test_a_copy_is_never_written_over_a_file_nor_beside_the_key(app: Flask, tmp_path: Path) -> None:
    company = open_company(app)
    (tmp_path / "letter.txt").write_text("dear all")
    before = everything_stored()
    places = [
        (tmp_path / "letter.txt", "exists"),
        (tmp_path / "no" / "folder", "No such"),
        (tmp_path / "keys" / "spare", "in the key folder"),
    ]
    for place, says in places:
        with pytest.raises(Refused, match=says):
            export_key(company.wave.slug, place, PASSPHRASE, company.config.key_dir, actor="test")
    with pytest.raises(Refused, match="at least 15 characters"):
        export_key(
            company.wave.slug, tmp_path / "short", "owls", company.config.key_dir, actor="test"
        )
    assert (tmp_path / "letter.txt").read_text() == "dear all"
    assert not (tmp_path / "short").exists()
    assert everything_stored() == before


@on_postgresql("databases")
def test_without_a_terminal_and_without_the_option_nothing_is_written(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    company = open_company(app)
    said = candour("keys", "export", company.wave.slug, tmp_path / "spare.key")
    assert said.code == 1
    assert not (tmp_path / "spare.key").exists()


@on_postgresql("databases")
@pytest.mark.parametrize("fault", ["lost", "another"])
def test_a_key_that_does_not_open_its_probe_is_not_copied(
    app: Flask, tmp_path: Path, fault: str
) -> None:
    company = open_company(app)
    key_file(company).unlink()
    if fault == "another":
        key_file(company).write_bytes(bytes(range(32)))
    with pytest.raises(Refused, match="cannot be copied"):
        export_key(
            company.wave.slug,
            tmp_path / "spare.key",
            PASSPHRASE,
            company.config.key_dir,
            actor="test",
        )
    assert not (tmp_path / "spare.key").exists()
    assert key_file(company).exists() is (fault == "another")


@on_postgresql("databases")
def test_a_copy_made_before_the_opening_is_of_the_key_that_the_wave_gets(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    first, config = found_company(), app.config["CANDOUR"]
    export_key(first.slug, tmp_path / "spare.key", PASSPHRASE, config.key_dir, actor="test")
    private = key_files.load_key(config.key_dir, first.id)
    said = candour("waves", "open", first.slug)
    opened = waves.find_wave(first.slug)
    assert said.code == 0
    assert "no spare copy" not in said.err
    assert opened.public_key == key_files.wave_public_key(private)
    assert [copy.file for copy in spare_copies(opened)] == [str(tmp_path / "spare.key")]


@on_postgresql("databases")
def test_a_copy_of_a_key_that_was_made_anew_is_no_spare_copy(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    first, config = found_company(), app.config["CANDOUR"]
    export_key(first.slug, tmp_path / "spare.key", PASSPHRASE, config.key_dir, actor="test")
    key_files.destroy_key(config.key_dir, first.id)
    said = candour("waves", "open", first.slug)
    assert said.code == 0
    assert str(config.key_dir) in said.out
    assert "the wave is lost" in said.out
    assert (
        "Note: there is no spare copy of this key. Make one, to be kept elsewhere: candour keys"
        f" export {first.slug} FILE" in said.err
    )
    with pytest.raises(Refused, match="does not open what was sealed"):
        import_key(first.slug, tmp_path / "spare.key", PASSPHRASE, config.key_dir, actor="test")


@on_postgresql("databases")
def test_copies_are_asked_for_until_a_manager_confirms_that_they_are_destroyed(
    app: Flask, tmp_path: Path
) -> None:
    company = open_company(app)
    slug, mira, viewer = company.wave.slug, browser(app, "manager"), browser(app, "viewer")
    for name in ("one.key", "two.key"):
        export_key(
            slug,
            tmp_path / name,
            PASSPHRASE,
            company.config.key_dir,
            actor="mira@northwind.example",
        )
    with pytest.raises(Refused, match="may still be needed"):
        confirm_copies_destroyed(company.wave, actor="test")
    answer_all(company, company.codes[:12])
    close_company(company)
    with pytest.raises(Refused, match="its key is destroyed"):
        export_key(slug, tmp_path / "three.key", PASSPHRASE, company.config.key_dir, actor="test")
    for reader, may_confirm in ((mira, True), (viewer, False)):
        page = reader.get(f"/waves/{slug}").text
        assert [str(tmp_path / name) in page for name in ("one.key", "two.key")] == [
            may_confirm,
            may_confirm,
        ]
        assert ("All copies are destroyed" in page) is may_confirm
    assert viewer.press("/account", f"/waves/{slug}/copies", {}).status_code == 403
    assert mira.press(f"/waves/{slug}", f"/waves/{slug}/copies", {}).status_code == 303
    assert "one.key" not in mira.get(f"/waves/{slug}").text
    [entry] = audit.list_entries(what="key copies destroyed")
    assert (entry.who, entry.facts["files"]) == (
        "manager@northwind.example",
        [str(tmp_path / name) for name in ("one.key", "two.key")],
    )
    assert confirm_copies_destroyed(waves.find_wave(slug), actor="test") == ()
    assert len(audit.list_entries(what="key copies destroyed")) == 1


@on_postgresql("databases")
def test_a_void_wave_asks_for_its_copies_too_and_the_command_confirms(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    company = open_company(app)
    export_key(
        company.wave.slug, tmp_path / "spare.key", PASSPHRASE, company.config.key_dir, actor="test"
    )
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong list", actor="test")
    page = browser(app, "manager").get(f"/waves/{company.wave.slug}/progress")
    assert str(tmp_path / "spare.key") in page.text
    assert "All copies are destroyed" in page.text
    said = candour("keys", "confirm-destroyed", company.wave.slug)
    assert (said.code, str(tmp_path / "spare.key") in said.out) == (0, True)
    assert copies_to_destroy(waves.find_wave(company.wave.slug)) == ()
    assert "No exported copy" in candour("keys", "confirm-destroyed", company.wave.slug).out


@on_postgresql("databases")
def test_the_pages_say_where_the_key_is_and_that_it_has_no_spare_copy(
    app: Flask, tmp_path: Path
) -> None:
    first, mira, config = found_company(), browser(app, "manager"), app.config["CANDOUR"]
    warning = "There is no spare copy of this wave’s key"
    page = mira.get(f"/waves/{first.slug}/open").text
    assert str(config.key_dir) in page
    assert "the wave is lost" in page
    assert warning in page
    assert "Your administrator can do this." in page
    assert (
        mira.press(f"/waves/{first.slug}/open", f"/waves/{first.slug}/open", {}).status_code == 303
    )
    assert warning in mira.get(f"/waves/{first.slug}/progress").text
    export_key(first.slug, tmp_path / "spare.key", PASSPHRASE, config.key_dir, actor="test")
    assert warning not in mira.get(f"/waves/{first.slug}/progress").text


@on_postgresql("databases")
def test_a_wave_whose_key_is_gone_for_good_is_given_up_and_leaves_nothing_behind(
    app: Flask, candour: Candour, database_url: str, tmp_path: Path
) -> None:
    company = open_today(app)
    for code in company.codes[:20]:
        app.test_client().post(f"/s/{company.wave.slug}", data={"token": code, "OVR1": "4"})
    marks = [bytes(row[0]) for row in db.session.execute(text("SELECT sealed FROM ballot"))]
    assert len(marks) == 20
    db.session.rollback()
    key_file(company).unlink()
    probe_key(company.wave, company.config.key_dir, now(), actor="test")
    with pytest.raises(Refused, match="Nothing was changed"):
        close_wave(company.wave.slug, company.wave.closes_at, company.config.key_dir, actor="test")
    said = candour("waves", "void", company.wave.slug, "--reason", "the key is gone")
    assert (said.code, waves.find_wave(company.wave.slug).void_words) == (0, "the key is gone")
    if database_url.startswith("sqlite"):
        assert not any(
            mark[:32] in file.read_bytes()
            for file in tmp_path.glob("candour.db*")
            for mark in marks
        )
    else:
        assert db.session.scalar(text("SELECT pg_relation_size('ballot')")) == 0

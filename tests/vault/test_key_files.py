"""The key file: made once, read by its owner alone, gone for good after the count."""

import os
import threading
from pathlib import Path

import pytest

from survey.kernel.errors import Refused
from survey.kernel.hints import words_for_command
from survey.kernel.ids import random_id
from survey.vault.keys.service.key_files import (
    destroy_key,
    has_key,
    load_key,
    make_key,
    wave_public_key,
)

WAVE = random_id()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("mask", [0o022, 0o000])
def test_only_the_owner_reads_the_key_and_its_folder(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        make_key(tmp_path / "new" / "keys", WAVE)
    finally:
        os.umask(before)
    [file] = (tmp_path / "new" / "keys").iterdir()
    assert (mode(file.parent), mode(file), file.stat().st_size) == (0o700, 0o600, 32)


def test_a_key_is_made_once_however_many_processes_try(tmp_path: Path) -> None:
    start, made = threading.Barrier(8), []

    def make() -> None:
        start.wait(timeout=10)
        made.append(make_key(tmp_path, WAVE))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(made) == 8
    assert set(made) == {load_key(tmp_path, WAVE)}
    assert [path.name for path in tmp_path.iterdir()] == [f"{WAVE}.key"]
    assert make_key(tmp_path, random_id()) != made[0]
    assert wave_public_key(made[0]) != made[0]


def test_a_folder_that_cannot_be_written_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file" / "keys", Path("/proc/candour/keys")):
        with pytest.raises(Refused, match=r"Nothing was sent\.$") as refused:
            make_key(place, WAVE)
        assert words_for_command(refused.value).endswith(f"It is {place}. Check CANDOUR_KEY_DIR.")


def test_a_process_without_a_key_folder_says_which_setting_it_lacks() -> None:
    with pytest.raises(Refused, match="has no key folder") as refused:
        make_key(None, WAVE)
    assert "Set CANDOUR_KEY_DIR" in words_for_command(refused.value)
    assert not has_key(None, WAVE)


@pytest.mark.parametrize("content", [None, b"", b"x" * 31, b"x" * 33])
def test_a_lost_or_damaged_key_says_what_to_put_back(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / f"{WAVE}.key").write_bytes(content)
    with pytest.raises(Refused, match="from the safe copy") as refused:
        load_key(tmp_path, WAVE)
    assert words_for_command(refused.value).endswith(f"The file: {tmp_path / WAVE}.key")


def test_a_destroyed_key_is_overwritten_before_it_goes(tmp_path: Path) -> None:
    private = make_key(tmp_path, WAVE)
    open_elsewhere = (tmp_path / f"{WAVE}.key").open("rb")
    with open_elsewhere as file:
        destroy_key(tmp_path, WAVE)
        assert file.read() != private
    assert list(tmp_path.iterdir()) == []
    destroy_key(tmp_path, WAVE)


def test_a_key_that_cannot_be_destroyed_says_so(tmp_path: Path) -> None:
    (tmp_path / f"{WAVE}.key").mkdir()
    with pytest.raises(Refused, match="could not be destroyed"):
        destroy_key(tmp_path, WAVE)

"""Secret files: for their owner alone, never half, never over another one, and gone for good."""

import os
from pathlib import Path

import pytest

from survey.kernel.errors import Refused
from survey.kernel.files import replace, shred, write_new, write_once


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_new(tmp_path / "new", b"secret", advice="")
        write_once(tmp_path / "once", b"secret")
        replace(tmp_path / "replaced", b"secret")
    finally:
        os.umask(before)
    assert {(path.name, mode(path), path.read_bytes()) for path in tmp_path.iterdir()} == {
        ("new", 0o600, b"secret"),
        ("once", 0o600, b"secret"),
        ("replaced", 0o600, b"secret"),
    }


@pytest.mark.parametrize("name", ["there", "link", "no folder/file", "folder"])
def test_a_new_file_takes_no_other_ones_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        Refused, match=r"cannot be written \(.+\)\. Choose another place\."
    ) as refused:
        write_new(tmp_path / name, b"secret", advice="Choose another place.")
    assert str(tmp_path / name) in refused.value.sentence
    assert (tmp_path / "there").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()


def test_who_comes_second_leaves_the_first_ones_file(tmp_path: Path) -> None:
    write_once(tmp_path / "key", b"first")
    write_once(tmp_path / "key", b"second")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]


def test_a_replaced_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    replace(tmp_path / "key", b"first")
    replace(tmp_path / "key", b"second")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"second"]


def test_what_cannot_be_replaced_stays_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace(tmp_path / "key", b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("size", [1, 32, 5000])
def test_a_shredded_file_is_overwritten_whole_before_it_goes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    write_new(path, b"\x00" * size, advice="")
    with path.open("rb") as open_elsewhere:
        shred(path)
        left = open_elsewhere.read()
    assert len(left) == size
    assert left.count(0) < max(size // 4, 1) or size == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_is_gone(tmp_path: Path) -> None:
    shred(tmp_path / "key")


def test_a_shredded_file_is_gone_under_its_other_name_too(tmp_path: Path) -> None:
    write_new(tmp_path / "key", b"secret", advice="")
    os.link(tmp_path / "key", tmp_path / "other")
    shred(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert (tmp_path / "other").read_bytes() != b"secret"

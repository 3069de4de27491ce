"""The page about the architecture says what the tree and the contracts say."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}


def rooms_in_tree() -> set[str]:
    return {path.name for path in (ROOT / "survey").iterdir() if (path / "__init__.py").exists()}


def rooms_on_page(page: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE))


def floors_on_page(page: str) -> list[set[str]]:
    block = page.split("## The floors")[1].split("```")[1]
    return [{room.strip() for room in line.split(" . ")} for line in block.strip().splitlines()]


def test_every_room_has_its_line_and_every_line_its_room() -> None:
    assert rooms_on_page(PAGE) == rooms_in_tree()


def test_the_floors_of_the_page_are_those_of_the_contract() -> None:
    layers = [
        {room.strip(" ()") for room in layer.split("|")} for layer in CONTRACTS["floors"]["layers"]
    ]
    assert floors_on_page(PAGE) == layers


def test_the_kinds_of_the_page_are_those_of_the_contract() -> None:
    line = PAGE.split("## Inside a room: seven kinds")[1].split("```")[1].strip()
    layers = [{kind.strip() for kind in layer.split("|")} for layer in CONTRACTS["kinds"]["kinds"]]
    assert [{kind.strip() for kind in layer.split(" . ")} for layer in line.split("->")] == layers


def test_every_sub_room_is_named() -> None:
    kinds = {"views", "commands", "forms", "service", "letters", "tables", "rules"}
    free = set(CONTRACTS["kinds"]["without_kinds"])
    sub_rooms = {
        path.parent.name
        for path in (ROOT / "survey").glob("*/*/__init__.py")
        if path.parent.name not in kinds and path.parent.parent.name not in free
    }
    assert {name for name in sub_rooms if not re.search(rf"[`/]{name}`", PAGE)} == set()


def test_every_file_and_module_named_on_the_page_exists() -> None:
    files = [
        name
        for name in re.findall(r"`([a-z_/]+(?:\.py|\.toml|/))`", PAGE)
        if "/" in name or name.endswith(".py")
    ]
    places = (ROOT, ROOT / "survey")
    assert [
        name
        for name in files
        if not any((place / name).exists() for place in places) and name != "letters/"
    ] == []


def test_a_room_that_is_gone_is_found() -> None:
    assert rooms_on_page(PAGE + "| `cellar` | wine |\n") - rooms_in_tree() == {"cellar"}

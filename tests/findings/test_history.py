"""History from another tool: read whole or refused whole.

It is held to the same thresholds as our own waves.
"""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from survey import statistics as st
from survey.database import db
from survey.findings.history.commands import responses_group
from survey.findings.service.documents import find_findings
from survey.kernel.errors import Refused
from survey.kernel.hints import words_for_command
from survey.providers.service import add_provider
from survey.waves import service as waves
from survey.waves.service.surveys import SurveyPlan
from tests import forking
from tests.cast import OPENS, counted_company, found_company
from tests.conftest import settings_of
from tests.proofs import on_postgresql
from tests.test_one_wave import holders

REAL = Path(__file__).parents[3] / "shared" / "data" / "orientation_services_2002.csv"
ITEMS = ["information", "willingness", "hours", "competence", "overall"]
INVITED = {
    "Faculty 1": 120,
    "Faculty 2": 450,
    "Faculty 3": 500,
    "Faculty 4": 200,
    "Faculty 5": 600,
    "Faculty 6": 700,
}  # assumed
EXPECTED = {
    ("overall", "top2", "Faculty 1"): (0.7800, 0.6833, 0.8583),
    ("overall", "top2", "Faculty 6"): (0.3790, 0.3429, 0.4157),
    ("overall", "mean", "Faculty 2"): (6.5543, 6.4277, 6.6547),
    ("overall", "mean", None): (5.7347, 5.6854, 5.7826),
    # a share of all departments is rounded outward to whole people: 1,640 and 1,725 of 2,570
    ("overall", "top2", None): (0.6549, 0.6381, 0.6712),
    ("hours", "top2", "Faculty 3"): (0.4627, 0.4200, 0.5040),
    ("hours", "mean", None): (5.4319, 5.3762, 5.4863),
}
PAST = ("--survey", "IT support", "--opened", "2026-10-05", "--closed", "2026-10-19")
GROUPS = {"Sales": 20, "Service": 15}


def stored() -> dict[str, int]:
    names = db.inspect(db.engine).get_table_names()
    return {
        name: db.session.execute(text(f"SELECT count(*) FROM {name}")).scalar() or 0
        for name in names
    }


def a_file(
    rows: int = 24, heading: str = "group,OVR1,RES1", row: str = "{group},{score},{other}"
) -> str:
    """Answers of two groups in turn, all on the scale of 5 points."""
    lines = [
        row.format(group=("Sales", "Service")[n % 2], score=1 + n % 5, other=1 + n % 3, n=n)
        for n in range(rows)
    ]
    return "\n".join([heading, *lines])


def import_file(
    place: Path,
    content: str | bytes,
    *more: str,
    wave: str = "it-2026-q4",
    groups: Any = GROUPS,
    mapping: Any = None,
) -> str:
    """The command in this process; a refusal passes through."""
    answers, invited, mapped = place / "answers.csv", place / "groups.json", place / "map.json"
    answers.write_bytes(content if isinstance(content, bytes) else content.encode())
    invited.write_text(groups if isinstance(groups, str) else json.dumps(groups))
    words = [
        "import",
        wave,
        str(answers),
        "--groups",
        str(invited),
        *(PAST if "--survey" not in more else ()),
        *more,
    ]
    if mapping is not None:
        mapped.write_text(mapping if isinstance(mapping, str) else json.dumps(mapping))
        words += ["--map", str(mapped)]
    done = CliRunner().invoke(
        responses_group, words, catch_exceptions=False, help_option_names=["-h", "--help"]
    )
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of a person, apart from the product's own."""
    return tmp_path_factory.mktemp("files")


def measures(document: dict[str, Any]) -> dict[tuple[str, str, str | None], dict[str, Any]]:
    return {(m["question"], m["statistic"], m["group"]): m for m in document["measures"]}


@on_postgresql("databases")
@pytest.mark.skipif(
    not REAL.exists(),
    reason=(
        "the real answers are not beside this checkout:"
        " ../shared/data/orientation_services_2002.csv"
    ),
)
def test_real_answers_give_the_scores_and_ranges_of_a_separate_count(
    app: Flask, database_url: str, place: Path, tmp_path: Path
) -> None:
    add_provider("University", [("Rosa", "rosa@university.example")])
    waves.store_survey(
        SurveyPlan(
            "Orientation", "University", "quarterly_8", "quarterly", OPENS, 14, "Europe/Rome", "all"
        )
    )
    (place / "groups.json").write_text(json.dumps(INVITED))
    environment = settings_of(database_url, tmp_path) | {"PATH": "/usr/bin:/bin"}
    when = ("--survey", "Orientation", "--opened", "2002-03-01", "--closed", "2002-03-31")

    def run(*words: str) -> str:
        done = forking.run("candour", *words, environment=environment, cwd=place)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    output = run(
        "responses",
        "import",
        "orientation-2002",
        str(REAL),
        "--groups",
        "groups.json",
        "--scale",
        "7",
        *when,
    )
    assert "1380 responses" in output
    document = json.loads(run("findings", "show", "orientation-2002", "--json"))
    by_key = measures(document)
    printed = {
        key: tuple(round(by_key[key][end], 4) for end in ("estimate", "low", "high"))
        for key in EXPECTED
    }
    assert printed == EXPECTED
    assert (document["invited"], document["answered"], document["wave"]["imported"]) == (
        2570,
        1380,
        True,
    )
    assert [question["id"] for question in document["questions"]] == ITEMS
    _agrees_with(by_key, _counted_apart(REAL.read_text()))


def _counted_apart(content: str) -> dict[str, dict[str, tuple[int, ...]]]:
    rows = list(csv.DictReader(io.StringIO(content)))
    counts = {
        question: {
            group: Counter(int(row[question]) for row in rows if row["group"] == group)
            for group in INVITED
        }
        for question in ITEMS
    }
    return {
        question: {
            group: tuple(count_by_point[v] for v in range(1, 8))
            for group, count_by_point in groups.items()
        }
        for question, groups in counts.items()
    }


def _agrees_with(
    measures_by_key: dict[tuple[str, str, str | None], dict[str, Any]],
    counts: dict[str, dict[str, tuple[int, ...]]],
) -> None:
    scale = tuple(range(1, 8))
    for question, groups in counts.items():
        tops = {group: (sum(c[:5]), sum(c[5:])) for group, c in groups.items()}
        expected = {
            (question, "mean", group): st.mean_interval(c, scale, INVITED[group])
            for group, c in groups.items()
        }
        expected |= {
            (question, "top2", group): st.proportion_interval(top, low + top, INVITED[group])
            for group, (low, top) in tops.items()
        }
        expected[question, "mean", None] = st.stratified_interval(
            [st.Stratum(INVITED[g], c) for g, c in groups.items()], scale
        )
        expected[question, "top2", None] = st.stratified_interval(
            [st.Stratum(INVITED[g], c) for g, c in tops.items()], (0, 1)
        )
        for key, interval in expected.items():
            assert [
                measures_by_key[key][end] for end in ("estimate", "low", "high", "method")
            ] == pytest.approx([interval.estimate, interval.low, interval.high, interval.method]), (
                key
            )


Refusals = list[tuple[str | bytes, dict[str, Any], list[str]]]
OFF_SCALE = [f"row {n}, RES1: '9' is not a whole number from 1 to 5" for n in (2, 77, 141)]
REFUSED: dict[str, Refusals] = {
    "cells": [
        (a_file(140, row="{group},{score},9"), {}, OFF_SCALE),
        (
            a_file(heading="group,hours,RES1").replace("Sales,1", "Sales,8"),
            {"more": ("--scale", "7")},
            ["row 2, hours: '8'", "1 to 7"],
        ),
        (a_file() + "\nSales,=1+1,4.0", {}, ["row 26, OVR1: '=1+1'", "row 26, RES1: '4.0'"]),
        (a_file() + "\nSales,4", {}, ["row 26: 2 cells where the heading has 3"]),
        (a_file() + f"\nSales,{'9' * 5000},1", {}, ["row 26, OVR1: '9999", "from 1 to 5"]),
        (a_file() + "\nLegal,4,4", {}, ["row 26, group: 'Legal' is not in the groups file"]),
        (
            a_file(),
            {"groups": {"Sales": 20, "Service": 11}},
            ["Service: 12 responses but only 11 invited"],
        ),
        (a_file(4), {}, ["4 responses; fewer than 5"]),
        (a_file(6), {"groups": {"Sales": 4, "Service": 3}}, ["Only 7 people were invited"]),
    ],
    "columns": [
        (a_file(heading="group,OVR1,Email"), {}, ["Email (first filled in row 2)", "--map"]),
        (a_file(heading="group,OVR1,OVR1"), {}, ["names a column twice: OVR1"]),
        (a_file(heading="group,OVR1,"), {}, ["Column 3 has no name"]),
        (a_file(heading="team,OVR1,RES1"), {}, ["no column 'group'", "team, OVR1, RES1"]),
        (
            a_file(heading="group,A,B"),
            {"mapping": {"columns": {"A": "OVR1", "B": "OVR1"}}},
            ["A (OVR1), B (OVR1)", "under ignore"],
        ),
        (
            a_file(heading="group,A,B"),
            {"mapping": {"ignore": ["A", "B"]}},
            ["No column of the file is a question"],
        ),
    ],
    "text": [
        (a_file().encode("utf-16"), {}, ["Save it as “CSV UTF-8”"]),
        (a_file().encode() + b"\nS\x81\x8dles,4,4", {}, ["Save it as “CSV UTF-8”"]),
        (
            a_file().encode() + b"\nS\x00les,4,4",
            {},
            ["Letters were lost", "Save it as “CSV UTF-8”"],
        ),
        (a_file() + "\nS\ufffdles,4,4", {}, ["Letters were lost", "Save it as “CSV UTF-8”"]),
        (b"PK\x03\x04" + a_file().encode(), {}, ["spreadsheet file"]),
        (a_file() + '\n"Sales,4,4', {}, ["Row 26 cannot be read: a quotation mark is missing"]),
        ("group,OVR1", {}, ["at least one row"]),
        ("", {}, ["at least one row"]),
    ],
    "wave": [
        (a_file(), {"wave": "latest"}, ["'latest' cannot name a wave"]),
        (a_file(), {"wave": "../it"}, ["'../it' cannot name a wave"]),
        (a_file(), {"wave": "it-support-2027-q1"}, ["is planned and will be asked"]),
        (
            a_file(),
            {
                "more": (
                    "--survey",
                    "IT support",
                    "--opened",
                    "2026-10-05",
                    "--closed",
                    "2026-10-01",
                )
            },
            ["before it opens"],
        ),
        (a_file(), {"more": ("--survey", "IT support")}, ["--opened YYYY-MM-DD"]),
        (a_file(), {"more": ("--survey", "Nope")}, ["no survey 'Nope'", "IT support"]),
    ],
    "groups file": [
        (a_file(), {"groups": '{"Sales": 20,'}, ["groups.json cannot be read as JSON"]),
        (a_file(), {"groups": "[" * 100_000}, ["groups.json cannot be read as JSON"]),
        *(
            (a_file(), {"groups": groups}, ["object of names and numbers invited"])
            for groups in (
                [20],
                {},
                {"Sales": "20"},
                {"Sales": True},
                {"Sales": 0},
                {"Sales": 2.5},
                {"": 20},
                {"Sa\nles": 20},
            )
        ),
    ],
    "mapping file": [
        (a_file(), {"mapping": "{"}, ["map.json cannot be read as JSON"]),
        (a_file(), {"mapping": []}, ["must be a JSON object"]),
        (
            a_file(),
            {"mapping": {"colums": {}}},
            ["group, columns, values and ignore, and nothing else"],
        ),
        *(
            (
                a_file(),
                {"mapping": {part: content}},
                ["The mapping file is not of the right form", f"{part}: "],
            )
            for part, content in (
                ("group", 1),
                ("columns", ["OVR1"]),
                ("columns", {"OVR1": 1}),
                ("values", {"OVR1": ["good"]}),
                ("values", {"OVR1": {"good": "4"}}),
                ("values", {"OVR1": {"good": True}}),
                ("ignore", "Email"),
                ("ignore", [1]),
            )
        ),
    ],
}


@on_postgresql("databases")
@pytest.mark.parametrize("family", REFUSED)
def test_a_refused_import_says_what_to_do_and_stores_nothing(
    app: Flask, place: Path, family: str
) -> None:
    found_company()
    before = stored()
    for content, options, expected in REFUSED[family]:
        arguments = {key: value for key, value in options.items() if key != "more"}
        for dry in ((), ("--dry-run",)):
            with pytest.raises(Refused) as refused:
                import_file(place, content, *options.get("more", ()), *dry, **arguments)
            message = "\n".join([words_for_command(refused.value), *refused.value.details])
            assert [words for words in expected if words not in message] == [], message
            assert stored() == before, options


def test_all_bad_rows_are_listed(app: Flask, place: Path) -> None:
    found_company()
    with pytest.raises(Refused) as refused:
        import_file(place, a_file(140, row="{group},{score},9"))
    assert [line.partition(",")[0] for line in refused.value.details] == [
        *(f"row {n}" for n in range(2, 142)),
        "Sales: 70 responses but only 20 invited",
        "Service: 70 responses but only 15 invited",
    ]


def test_the_same_file_is_taken_once(app: Flask, place: Path) -> None:
    found_company()
    import_file(place, a_file())
    before, digest = stored(), find_findings("it-2026-q4").digest
    for wave in ("it-2026-q4", "it-2026-q3"):
        with pytest.raises(Refused, match="imported before, as it-2026-q4"):
            import_file(place, a_file(), wave=wave)
    with pytest.raises(Refused, match="it-2026-q4 is counted already"):
        import_file(place, a_file(26))
    assert (stored(), find_findings("it-2026-q4").digest) == (before, digest)


@on_postgresql("databases")
def test_a_wave_of_our_own_is_never_imported_into(app: Flask, place: Path) -> None:
    company = counted_company(app)
    with pytest.raises(Refused, match="counted already; history goes into a wave of its own"):
        import_file(place, a_file(), wave=company.wave.slug)


def test_a_dry_run_prints_what_would_be_stored_and_stores_nothing(app: Flask, place: Path) -> None:
    found_company()
    before = stored()
    content = a_file() + "\nLegal,4,\nLegal,,2\n"
    printed = json.loads(import_file(place, content, "--dry-run", groups=GROUPS | {"Legal": 9}))
    assert stored() == before
    import_file(place, content, groups=GROUPS | {"Legal": 9})
    document = find_findings("it-2026-q4").document
    published = {group["name"]: group["answered"] for group in document["groups"] if group["shown"]}
    assert published == {"Legal and Sales": 14, "Service": 12}
    assert {name: counts["responses"] for name, counts in printed["groups"].items()} == published
    answers = {
        question: sum(counts[question] for counts in printed["groups"].values())
        for question in ("OVR1", "RES1")
    }
    assert answers == {
        question: measures(document)[question, "top2", None]["answers"]
        for question in ("OVR1", "RES1")
    }


@on_postgresql("databases")
def test_words_become_points_and_ignored_columns_are_nowhere_afterwards(
    app: Flask, place: Path, tmp_path: Path, database_url: str
) -> None:
    found_company()
    words = {"Very satisfied": 5, "Dissatisfied": 2, "n/a": None}
    content = "\ufeff" + a_file(
        30,
        "Team;Q1 overall;Email;IP",
        "{group};Very satisfied;canarymail{n}@northwind.example;10.9.8.{n}",
    )
    content = content.replace("Very satisfied", "Dissatisfied", 6).replace(
        "Very satisfied", "n/a", 4
    )
    mapping = {
        "group": "Team",
        "columns": {"Q1 overall": "OVR1"},
        "values": {"OVR1": words},
        "ignore": ["Email", "IP"],
    }
    import_file(place, content, mapping=mapping)
    document = find_findings("it-2026-q4").document
    assert document["distributions"] == [
        {"question": "OVR1", "group": None, "shown": True, "counts": [0, 6, 0, 0, 20]}
    ]
    assert document["answered"] == 30
    db.session.rollback()
    assert holders(database_url, tmp_path, [b"canarymail", b"10.9.8.", b"Q1 overall"]) == []


def test_a_file_as_a_spreadsheet_of_western_europe_saves_it_is_read(
    app: Flask, place: Path
) -> None:
    found_company()
    import_file(
        place,
        a_file().replace("Sales", "Büro").encode("cp1252"),
        groups={"Büro": 20, "Service": 15},
    )
    assert [group["name"] for group in find_findings("it-2026-q4").document["groups"]] == [
        "Büro",
        "Service",
    ]


def test_imported_responses_lose_their_order(app: Flask, place: Path) -> None:
    found_company()
    import_file(place, a_file(240), groups={"Sales": 200, "Service": 200})
    stored_scores = db.session.execute(text("SELECT scores FROM response")).scalars().all()
    rows = a_file(240).splitlines()[1:]
    sent_scores = [row.partition(",")[2].replace(",", "") for row in rows]
    assert sorted(stored_scores) == sorted(sent_scores)
    assert list(stored_scores) != sent_scores


def test_an_imported_wave_says_so_and_has_no_target(app: Flask, place: Path) -> None:
    found_company()
    import_file(place, a_file())
    document = find_findings("it-2026-q4").document
    assert (
        document["wave"]["imported"],
        document["wave"]["baseline"],
        document["wave"]["period"],
    ) == (True, False, "it-2026-q4")
    assert document["headline"] == "24 of 35 people answered"
    assert {"target", "verdict"} & {
        key for measure in document["measures"] for key in measure
    } == set()

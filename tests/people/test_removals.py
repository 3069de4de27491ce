"""A file that lacks many people removes nobody before the number is repeated: by command, by page,
in one go and in steps.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from survey.access.service import audit
from survey.kernel.errors import Refused
from survey.people.rules.removals import WholeListRemoval, check_removal
from survey.people.service import changes, directory
from survey.people.service.directory import import_people, list_people, remove_person
from tests.cast import found_company, open_company, staff_csv
from tests.outside import Browser, Candour, browser, command_line, hidden_fields, signed_in
from tests.people.test_views import upload

STAFF = {"Sales": 30, "Service": 20, "Legal": 8}
CUT_OFF = staff_csv({"Sales": 3})


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@pytest.fixture
def mira(app: Flask) -> Browser:
    """A manager."""
    visitor = browser(app)
    signed_in(visitor, "manager")
    return visitor


@pytest.fixture(params=["at once", "in steps"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the list is stored whole or, as if it were long, in steps."""
    if request.param == "in steps":
        monkeypatch.setattr(changes, "AT_ONCE", 2)
        monkeypatch.setattr(changes, "SECONDS_BETWEEN_STEPS", 0.0)
    return str(request.param)


@pytest.mark.parametrize(
    ("removed", "in_directory", "open_waves", "is_asked"),
    [
        (5, 20, (), False),
        (6, 60, (), False),
        (6, 59, (), True),
        (55, 58, (), True),
        (600, 6_000, (), False),
        (601, 6_000, (), True),
        (1, 6_000, ("it-2027-q1",), True),
        (0, 58, (), False),
    ],
)
def test_who_removes_many_or_somebody_who_is_asked_now_has_to_repeat_the_number(
    removed: int, in_directory: int, open_waves: tuple[str, ...], *, is_asked: bool
) -> None:
    removal = WholeListRemoval(removed, in_directory, open_waves)
    assert removal.has_to_be_confirmed is is_asked
    check_removal(removal, removed)
    for repeated in (None, removed + 1, 0 if removed else 1):
        if repeated is None and not is_asked:
            check_removal(removal, None)
            continue
        with pytest.raises(Refused) as refused:
            check_removal(removal, repeated)
        assert refused.value.code == "removal-not-confirmed"
        assert f"{removed:,} of the {in_directory:,} people" in refused.value.sentence
        assert all(wave in refused.value.sentence for wave in open_waves)


def test_a_file_cut_off_at_three_rows_removes_nobody_unless_55_is_said(
    app: Flask, how: str
) -> None:
    import_people(staff_csv(STAFF))
    before, log = list_people(), audit.number_of_entries()
    for repeated in (None, 3, 54, 58):
        with pytest.raises(Refused, match="would remove 55 of the 58 people in the directory"):
            import_people(CUT_OFF, remove_missing=True, repeated=repeated)
    assert (list_people(), audit.number_of_entries()) == (before, log)
    assert import_people(CUT_OFF, remove_missing=True, repeated=55).removed == 55
    assert len(list_people()) == 3


def test_few_people_leave_unasked_while_nothing_is_open(app: Flask, how: str) -> None:
    found_company(STAFF)
    assert import_people(staff_csv(STAFF | {"Legal": 3}), remove_missing=True).removed == 5


def test_one_person_of_an_open_wave_is_enough_and_the_wave_is_named(app: Flask, how: str) -> None:
    wave = open_company(app, STAFF).wave
    one_less = staff_csv(STAFF | {"Legal": 7})
    with pytest.raises(Refused) as refused:
        import_people(one_less, remove_missing=True)
    assert refused.value.sentence == (
        f"This would remove 1 of the 58 people in the directory, while {wave.slug} is open."
        " Nothing has been changed."
    )
    assert import_people(one_less, remove_missing=True, repeated=1).removed == 1


def test_whoever_leaves_while_a_wave_is_open_does_so_by_number(app: Flask, how: str) -> None:
    open_company(app, STAFF)
    import_people(b"email,name,department\nnew@northwind.example,Newcomer,Sales\n")
    with pytest.raises(Refused, match="would remove 1 of the 59 people"):
        import_people(staff_csv(STAFF), remove_missing=True)
    assert import_people(staff_csv(STAFF), remove_missing=True, repeated=1).removed == 1


def test_a_single_person_is_removed_on_their_page_as_before(app: Flask) -> None:
    open_company(app, STAFF)
    remove_person("c2@northwind.example")
    assert len(list_people()) == 57


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda: import_people(b"email,name,department\nnew@northwind.example,Newcomer,Sales\n"),
        lambda: remove_person("c50@northwind.example"),
    ],
)
def test_the_number_is_held_against_what_is_true_when_it_is_stored(
    app: Flask, how: str, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> None:
    """Somebody else changes the directory after the number was read, and before it is stored."""
    import_people(staff_csv(STAFF))
    pending = [meanwhile]
    moment = "changes_of" if how == "in steps" else "is_long"
    real = getattr(directory, moment)

    def then_it_happens(*given: object, **options: bool) -> object:
        found = real(*given, **options)
        while pending:
            pending.pop()()
        return found

    monkeypatch.setattr(directory, moment, then_it_happens)
    with pytest.raises(Refused) as refused:
        import_people(CUT_OFF, remove_missing=True, repeated=55)
    assert refused.value.code in {"removal-not-confirmed", "staff-list-changed"}
    assert len(list_people()) in {57, 59}


def test_the_command_names_both_numbers_and_takes_the_number_behind_the_option(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    wave = open_company(app, STAFF).wave
    file = tmp_path / "staff.csv"
    file.write_bytes(CUT_OFF)
    tried = candour("people", "import", file, "--dry-run", "--remove-missing")
    assert tried.code == 0
    assert tried.out == (
        "0 would be added, 0 would be changed, 3 unchanged, 55 would be removed.\n"
        f"That is 55 of the 58 people in the directory, while {wave.slug} is open."
        " To do it: --remove-missing 55\n"
    )
    for arguments in (
        [file, "--remove-missing"],
        ["--remove-missing", file],
        [file, "--remove-missing", 3],
        [file, "--remove-missing=58"],
    ):
        said = candour("people", "import", *arguments)
        assert (said.code, said.out) == (1, ""), arguments
        assert f"55 of the 58 people in the directory, while {wave.slug} is open." in said.err
        assert "If all of them have left: --remove-missing 55\n" in said.err
    assert len(list_people()) == 58
    assert candour("people", "import", file, "--remove-missing=many").code == 2
    done = candour("people", "import", "--remove-missing", 55, file)
    assert (done.code, done.out) == (0, "0 added, 0 changed, 3 unchanged, 55 removed.\n")


def test_the_page_asks_for_the_number_and_keeps_what_was_typed(app: Flask, mira: Browser) -> None:
    wave = open_company(app, STAFF).wave
    asks = mira.post("/people/import/missing", data=hidden_fields(upload(mira, CUT_OFF)))
    assert f"55 of the 58 people in the directory, while {wave.slug} is open" in asks.text
    assert '<label for="number">Type the number of people to remove</label>' in asks.text
    assert 'type="hidden" name="number"' not in asks.text
    fields = hidden_fields(asks) | {"remove_missing": "y"}
    for typed in ("", "54", "all", "5 5 5", "9" * 30):
        again = mira.post("/people/import/confirm", data=fields | {"number": typed})
        assert again.status_code == 400
        assert "<title>Error: Remove people who are not in the file" in again.text
        assert "This would remove 55 of the 58 people in the directory" in again.text
        assert f'name="number" value="{typed}"' in again.text
        assert hidden_fields(again)["carried"] == fields["carried"]
    assert len(list_people()) == 58
    done = mira.post("/people/import/confirm", data=fields | {"number": " 55 "})
    assert (done.status_code, len(list_people())) == (303, 3)


def test_the_page_removes_a_few_by_its_button_but_no_more_than_it_showed(
    app: Flask, mira: Browser
) -> None:
    import_people(staff_csv(STAFF))
    less = staff_csv(STAFF | {"Legal": 6})
    asks = mira.post("/people/import/missing", data=hidden_fields(upload(mira, less)))
    assert "Type the number" not in asks.text
    assert '<input type="hidden" name="number" value="2">' in asks.text
    fields = hidden_fields(asks) | {"remove_missing": "y", "number": "2"}
    import_people(b"email,name,department\nnew@northwind.example,Newcomer,Sales\n")
    again = mira.post("/people/import/confirm", data=fields)
    assert again.status_code == 400
    assert "This would remove 3 of the 59 people in the directory." in again.text
    assert '<input type="hidden" name="number" value="3">' in again.text
    done = mira.post("/people/import/confirm", data=fields | {"number": "3"})
    assert (done.status_code, len(list_people())) == (303, 56)

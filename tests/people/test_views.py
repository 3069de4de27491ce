"""The pages of the directory, as a manager without script meets them."""

import csv
import hashlib
import io
from html import unescape

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from survey.people.rules.staff_list import LARGEST_UPLOAD
from survey.people.service.directory import (
    continue_import,
    import_people,
    list_people,
    remove_person,
)
from tests.cast import staff_csv
from tests.outside import Browser, browser, hidden_fields, signed_in
from tests.proofs import on_postgresql, proof

GOOD = staff_csv({"Sales": 2, "Legal": 1})
BAD = (
    b"email,name,department\nada@northwind.example,Ada,Sales\nbad,=1+1,Sales\n"
    b"ada@northwind.example,Ada,SALES\n"
)
PAGES = ["/people", "/people/import"]
POSTS = [
    "/people/import",
    "/people/import/confirm",
    "/people/import/missing",
    "/people/import/faults.csv",
]


@pytest.fixture
def mira(app: Flask) -> Browser:
    """A manager."""
    visitor = browser(app)
    signed_in(visitor, "manager")
    return visitor


def upload(visitor: Browser, content: bytes, name: str = "staff.csv") -> TestResponse:
    return visitor.press("/people/import", "/people/import", {"file": (io.BytesIO(content), name)})


def test_an_upload_shows_what_it_would_do_and_saves_nothing(mira: Browser) -> None:
    page = upload(mira, GOOD, "<b>staff</b>.csv")
    assert page.status_code == 200
    assert "add 3 people" in page.text
    assert "&lt;b&gt;staff" in page.text
    assert list_people() == ()


def test_confirming_stores_what_was_looked_at(mira: Browser) -> None:
    done = mira.post("/people/import/confirm", data=hidden_fields(upload(mira, GOOD)))
    assert (done.status_code, done.location) == (303, "/people")
    assert "3 people added, 0 changed, 0 unchanged, 0 removed." in mira.get("/people").text
    assert len(list_people()) == 3
    assert "leave 3 as they are" in upload(mira, GOOD).text


def test_a_wrong_file_lists_its_rows_and_offers_no_confirmation(mira: Browser) -> None:
    page = upload(mira, BAD)
    assert page.status_code == 400
    assert "<title>Error: 2 of 3 rows need a correction" in page.text
    for told in (
        "Not a mail address",
        "The same address is in row 2",
        "Row 2 spells it “Sales”",
        "Nothing has been changed",
    ):
        assert told in unescape(page.text)
    assert "/people/import/confirm" not in page.text
    refused = mira.post("/people/import/confirm", data=hidden_fields(page))
    assert refused.status_code == 400
    assert "2 of 3 rows need a correction. Nothing has been changed." in refused.text
    assert hidden_fields(refused)["carried"] == hidden_fields(page)["carried"]
    assert list_people() == ()


def test_the_rows_to_correct_come_as_a_file_that_calculates_nothing(mira: Browser) -> None:
    answer = mira.post("/people/import/faults.csv", data=hidden_fields(upload(mira, BAD)))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [row[0] for row in rows] == ["row", "3", "4"]
    assert rows[1][2:] == ["bad", "'=1+1", "Sales"]


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04rubbish", "spreadsheet file, not a CSV"),
        ("email,name,department".encode("utf-16"), "not text in UTF-8"),
        (
            b"email,name,salary\nada@northwind.example,Ada,1\n",
            "Missing: department. Unknown: salary",
        ),
        (b"x" * (LARGEST_UPLOAD + 1), "larger than 10 MiB"),
    ],
)
def test_what_is_no_staff_list_is_refused_in_words_on_the_form(
    mira: Browser, content: bytes, message: str
) -> None:
    page = upload(mira, content)
    assert page.status_code == 400
    assert page.text.count("<title>Error: ") == 1
    assert message in page.text
    assert 'type="file"' in page.text


def test_no_file_and_far_too_large_a_request_are_answered_in_words(mira: Browser) -> None:
    assert "Choose a CSV file" in mira.press("/people/import", "/people/import", {}).text
    huge = mira.press(
        "/people/import",
        "/people/import",
        {"file": (io.BytesIO(b"x" * (LARGEST_UPLOAD * 2)), "staff.csv")},
    )
    assert huge.status_code == 413
    assert "no larger than its page allows" in huge.text


@proof("scale")
def test_a_large_honest_file_survives_the_preview(mira: Browser) -> None:
    numbers = range(60_000)
    names = (hashlib.sha512(bytes([n % 256, n // 256])).hexdigest()[:100] for n in numbers)
    rows = (
        f"p{n:07}@northwind.example,{name},Sales" for n, name in zip(numbers, names, strict=True)
    )
    content = "\n".join(["email,name,department", *rows]).encode()
    assert len(content) > LARGEST_UPLOAD * 3 // 4
    done = mira.post("/people/import/confirm", data=hidden_fields(upload(mira, content)))
    assert done.status_code == 303
    assert list_people() == ()
    page = mira.get("/people").text
    assert "60,000 people are to be added" in page
    assert '<progress max="60000" value="0" aria-labelledby="importing">' in page
    assert "0 of 60,000 changes are stored" in page
    assert "Nothing does the timed work at present" in page
    previewed = hidden_fields(upload(mira, GOOD))
    waits = mira.post("/people/import/confirm", data=previewed)
    assert waits.status_code == 400
    assert "so nothing else was changed. Try again when it is done." in waits.text
    assert '<a href="/people">How far it is</a>' in waits.text
    assert "candour tick" not in waits.text
    assert hidden_fields(waits)["carried"] == previewed["carried"]
    assert continue_import("mira") is not None
    assert len(list_people()) == 60_000
    page = mira.get("/people").text
    assert "60,000 people can be invited" in page
    assert "Import a staff list" in page


def test_a_file_that_spells_a_department_otherwise_is_refused_on_the_form(mira: Browser) -> None:
    import_people(GOOD)
    page = upload(mira, b"email,name,department\nnew@northwind.example,New,SALES\n")
    assert page.status_code == 400
    assert "“SALES” in the file is “Sales” for 2 who are not in it." in page.text


def test_people_who_are_not_in_the_file_are_named_before_they_go(mira: Browser) -> None:
    import_people(GOOD)
    page = upload(mira, staff_csv({"Sales": 1}))
    assert "2 people in Candour are not in the file: they stay" in page.text
    named = mira.post("/people/import/missing", data=hidden_fields(page))
    assert "c3@northwind.example" in named.text
    assert "Import and remove 2 people" in named.text
    assert len(list_people()) == 3
    done = mira.post("/people/import/confirm", data={**hidden_fields(named), "remove_missing": "y"})
    assert done.status_code == 303
    assert [person.email for person in list_people()] == ["ada@northwind.example"]


@on_postgresql("databases")
@pytest.mark.parametrize("changed", ["x{}", "{}x", "", "é", "a.b"])
@pytest.mark.parametrize("path", POSTS[1:])
def test_a_carried_file_that_somebody_changed_is_refused(
    mira: Browser, path: str, changed: str
) -> None:
    fields = hidden_fields(upload(mira, GOOD))
    answer = mira.post(path, data={**fields, "carried": changed.format(fields["carried"])})
    assert answer.status_code == 400
    assert "Upload it once more" in answer.text
    assert 'type="file"' in answer.text
    assert list_people() == ()


@on_postgresql("databases")
@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_its_token_is_refused(mira: Browser, path: str) -> None:
    fields = hidden_fields(upload(mira, GOOD))
    data = {"carried": fields["carried"], "file": (io.BytesIO(GOOD), "staff.csv")}
    answer = mira.post(path, data=data)
    assert answer.status_code == 400
    assert "Please send the form again" in answer.text
    assert list_people() == ()


def test_a_viewer_reads_no_directory_and_changes_none(app: Flask) -> None:
    import_people(GOOD)
    viewer = browser(app)
    signed_in(viewer, "viewer")
    token = hidden_fields(viewer.get("/account"))["csrf_token"]
    one = f"/people/{list_people()[0].id}"
    answers = [viewer.get(path) for path in [*PAGES, f"{one}/address", f"{one}/remove"]]
    answers += [
        viewer.post(path, data={"csrf_token": token})
        for path in [*POSTS, f"{one}/address", f"{one}/remove"]
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert not any("northwind.example" in answer.text for answer in answers)
    assert len(list_people()) == 3


def test_a_stranger_is_led_to_the_sign_in(app: Flask) -> None:
    import_people(GOOD)
    nils = browser(app)
    one = f"/people/{list_people()[0].id}"
    for path in [*PAGES, f"{one}/address", f"{one}/remove"]:
        answer = nils.get(path)
        assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/sign-in")
    for path in [*POSTS, f"{one}/remove"]:
        assert nils.post(path).status_code in {302, 400}
    assert len(list_people()) == 3


def test_many_people_are_shown_by_department(mira: Browser) -> None:
    import_people(staff_csv({"Sales": 150, "R&D": 51}))
    assert "ada@northwind.example" not in mira.get("/people").text
    chosen = mira.get("/people?department=R%26D")
    assert "c151@northwind.example" in chosen.text
    assert "c2@northwind.example" not in chosen.text


def test_an_address_is_corrected_on_its_page_and_a_wrong_one_keeps_the_input(mira: Browser) -> None:
    import_people(GOOD)
    ada = next(person for person in list_people() if person.name == "Ada Berg")
    path = f"/people/{ada.id}/address"
    wrong = mira.press(path, path, {"email": "ada@northwind"})
    assert wrong.status_code == 400
    assert "<title>Error: " in wrong.text
    assert 'value="ada@northwind"' in wrong.text
    assert "Add the part after" in wrong.text
    assert mira.press(path, path, {"email": "ada.berg@northwind.example"}).status_code == 303
    assert "Ada Berg is now ada.berg@northwind.example." in mira.get("/people").text


def test_removing_asks_first_and_says_what_it_means(mira: Browser) -> None:
    import_people(GOOD)
    ada = next(person for person in list_people() if person.name == "Ada Berg")
    path = f"/people/{ada.id}/remove"
    assert "What was answered stays" in mira.get(path).text
    assert len(list_people()) == 3
    assert mira.press(path, path, {}).status_code == 303
    assert ada not in list_people()
    assert mira.get(path).status_code == 404


@on_postgresql("databases")
@pytest.mark.parametrize("name", ["nobody", "%00", "%ff", "x" * 3000])
def test_a_person_who_does_not_exist_is_not_found(mira: Browser, name: str) -> None:
    for page in ("address", "remove"):
        assert mira.get(f"/people/{name}/{page}").status_code == (400 if name == "%00" else 404)


def test_somebody_removed_meanwhile_is_no_fault(mira: Browser) -> None:
    import_people(GOOD)
    ada = next(person for person in list_people() if person.name == "Ada Berg")
    fields = hidden_fields(mira.get(f"/people/{ada.id}/remove"))
    remove_person(ada.email)
    assert mira.post(f"/people/{ada.id}/remove", data=fields).status_code == 404

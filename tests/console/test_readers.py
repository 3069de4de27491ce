"""What employees wrote is read only by those whom the promise names, and that they read is logged.

Every way by which a manager could come to a comment's text is tried here.
"""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.accounts import add_user, list_users, make_sign_in_link, remove_user
from survey.access.service.audit import list_entries
from survey.database import transaction
from survey.findings.comments.service import comments_under_review, note_comments_opened
from survey.findings.service.documents import find_findings
from survey.invitations.service.personal_data import export_personal_data
from survey.kernel.clock import now
from survey.kernel.errors import NotAllowed, Refused
from survey.organisation.rules.organisation import CommentReader
from survey.responses.service.comments import released_comments
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.cast import READER, answer_all, close_company, decide, open_company, under_review
from tests.findings.company import CANARY, small_company
from tests.outside import Browser, Candour, browser, command_line, signed_in
from tests.proofs import on_postgresql

ED = CommentReader("Ed Stone", "ed@northwind.example")


@pytest.fixture
def wave(app: Flask) -> Wave:
    return small_company(app).wave


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


def signed_in_as(app: Flask, email: str, role: str) -> Browser:
    """A browser in which the account of this address has signed in."""
    add_user(email, role)
    visitor = browser(app)
    link = make_sign_in_link(email, app.config["CANDOUR"])
    visitor.post("/sign-in/link", data={"token": link.partition("#")[2]})
    return visitor


def opened() -> list[str]:
    """Who opened comments, by the audit log, oldest first."""
    entries = sorted(list_entries(what="comments opened"), key=lambda entry: entry.number)
    return [entry.who for entry in entries]


@on_postgresql("databases")
@pytest.mark.parametrize(("email", "role"), [("x@northwind.example", "manager"), ("", "admin")])
def test_no_other_manager_and_no_administrator_comes_to_what_people_wrote(
    app: Flask, wave: Wave, email: str, role: str
) -> None:
    other = signed_in_as(app, email or "admin@northwind.example", role)
    slug = wave.slug
    review = f"/findings/{slug}/comments"
    comment = under_review(slug).questions[0].comments[0].id
    pages = (
        review,
        f"{review}?show=held",
        f"{review}?show=released",
        f"/waves/{slug}",
        f"/waves/{slug}/readers",
        f"/findings/{slug}",
        f"/findings/{slug}/letter",
        f"/findings/{slug}/letter?comments=y",
        f"/findings/{slug}.csv",
        f"/findings/{slug}/reply",
        f"/findings/{slug}/follow-up",
        f"/waves/{slug}/mail",
        "/audit",
        "/",
    )
    for path in pages:
        reply = other.get(path)
        assert CANARY not in reply.text, path
        assert reply.status_code == 403 or "comments?show" not in path
    as_json = other.get(review, headers={"Accept": "application/json"})
    assert (as_json.status_code, as_json.json["code"]) == (403, "comments-of-others")
    for decision in ("release", "hold", "redact"):
        fields = {"comment": comment, "decision": decision, "text": "x"}
        refused = other.press("/account", review, fields)
        assert (refused.status_code, CANARY in refused.text) == (403, False)
    assert "are read only by Mira Vance, Head of operations" in other.get(review).text
    assert released_comments(wave) == ()
    assert opened() == []


@on_postgresql("databases")
def test_no_document_command_or_print_out_holds_what_people_wrote(
    candour: Candour, wave: Wave
) -> None:
    for arguments in (
        ("findings", "show", wave.slug, "--json"),
        ("findings", "show", wave.slug),
        ("waves", "status", wave.slug, "--json"),
        ("audit", "verify", "--json"),
        ("people", "export", "ada@northwind.example"),
    ):
        said = candour(*arguments)
        assert CANARY not in said.out + said.err, arguments
    refused = candour("findings", "share", wave.slug, "--to", "provider", "--with-comments")
    assert CANARY not in refused.out + refused.err
    assert CANARY not in str(find_findings(wave.slug).document)
    assert CANARY not in str(export_personal_data("ada@northwind.example"))


@on_postgresql("databases")
def test_that_a_reader_opened_the_comments_is_logged_once_a_sitting(app: Flask, wave: Wave) -> None:
    reader = browser(app, "manager")
    address = f"/findings/{wave.slug}/comments"
    for _ in range(3):
        assert CANARY in reader.get(address).text
    assert opened() == [READER.email]
    assert CANARY in browser(app, "manager").get(address).text  # another sitting, side by side
    assert opened() == [READER.email] * 2
    signed_in(reader, "manager")  # the same browser, signed in anew
    assert CANARY in reader.get(address).text
    assert opened() == [READER.email] * 3


@on_postgresql("databases")
def test_an_account_made_anew_at_the_readers_address_does_not_read(app: Flask, wave: Wave) -> None:
    remove_user(READER.email)
    other = browser(app, "manager")
    assert READER.email in {account.email for account in list_users()}
    assert other.get(f"/findings/{wave.slug}/comments").status_code == 403


@on_postgresql("databases")
def test_an_administrator_replaces_a_reader_and_it_is_logged_and_printed(
    app: Flask, wave: Wave
) -> None:
    ed = signed_in_as(app, ED.email, "manager")
    page = f"/waves/{wave.slug}/readers"
    fields = {
        "first_reader": ED.email,
        "first_reader_name": "Ed Stone",
        "role": "Head of finance",
        "reason": "Mira has left",
    }
    assert ed.press("/account", page, fields).status_code == 403  # a manager may not
    admin = browser(app, "admin")
    without_reason = admin.press(page, page, {**fields, "reason": ""})
    assert without_reason.status_code == 400
    assert 'value="Ed Stone"' in without_reason.text
    nobody = admin.press(page, page, {**fields, "first_reader": ""})
    assert "Choose who reads comments" in nobody.text
    assert admin.press(page, page, fields).status_code == 303
    review = f"/findings/{wave.slug}/comments"
    assert browser(app, "manager").get(review).status_code == 403
    assert admin.get(review).status_code == 403
    assert CANARY in ed.get(review).text
    (entry,) = list_entries(what="reviewer replaced")
    assert entry.who == "admin@northwind.example"
    assert entry.facts == {
        "wave": wave.slug,
        "from": "Mira Vance, Head of operations",
        "to": [ED.email],
        "because": "Mira has left",
    }
    printed = (
        "the comments are read by Ed Stone, Head of finance; before, by Mira Vance, Head of"
        " operations."
    )
    for path in (page, f"/waves/{wave.slug}", f"/promise/{wave.slug}"):
        assert printed in " ".join(admin.get(path).text.split()), path


@on_postgresql("databases")
def test_a_replacement_before_the_count_stands_in_the_findings(
    app: Flask, candour: Candour
) -> None:
    company = open_company(app)
    add_user(ED.email, "manager")
    said = candour(
        "waves", "readers", company.wave.slug, f"Ed Stone <{ED.email}>", "--reason", "Mira left"
    )
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("read by Ed Stone; before, by Mira Vance, Head of operations.\n")
    answer_all(company, company.codes[:12], comment=CANARY)
    close_company(company)
    assert find_findings(company.wave.slug).document["comment_readers"] == {
        "names": ["Mira Vance"],
        "role": "Head of operations",
        "changes": [
            {
                "on": f"{now():%Y-%m-%d}",
                "names": ["Ed Stone"],
                "role": "",
                "instead_of": "Mira Vance, Head of operations",
            }
        ],
    }


@on_postgresql("databases")
def test_where_nobody_is_named_nobody_reads_until_an_administrator_names_somebody(
    app: Flask, wave: Wave
) -> None:
    with transaction() as session:  # as waves are that opened before readers were named
        session.execute(text("UPDATE wave SET promise = NULL WHERE id = :id"), {"id": wave.id})
    for role in ("manager", "admin"):
        page = browser(app, role).get(f"/findings/{wave.slug}/comments")
        assert page.status_code == 403
        assert "An administrator can name one or two people" in page.text
        assert f'href="/waves/{wave.slug}/readers"' in page.text
    waves.name_readers(wave.slug, [READER], "Head", "First named", now(), actor="test")
    assert CANARY in browser(app, "manager").get(f"/findings/{wave.slug}/comments").text


def test_readers_are_named_only_of_a_wave_that_has_opened(app: Flask, wave: Wave) -> None:
    planned = next(each for each in waves.list_waves() if each.state == "planned")
    with pytest.raises(Refused, match="is not open yet"):
        waves.name_readers(planned.slug, [READER], "", "Left", now())
    with pytest.raises(Refused) as refused:
        waves.name_readers(wave.slug, [ED], "", "Left", now())
    assert "there is no such account" in refused.value.details[0]
    assert waves.find_wave(wave.slug).reader_changes == ()


def test_a_released_comment_may_be_seen_by_whoever_shares_it(app: Flask, wave: Wave) -> None:
    comment = under_review(wave.slug).questions[0].comments[0]
    decide(wave.slug, comment.id, "release")
    other = signed_in_as(app, "x@northwind.example", "manager")
    letter = other.get(f"/findings/{wave.slug}/letter?comments=y").text
    assert letter.count(CANARY) == 1  # it is what goes to the provider, and nothing else


def test_a_stranger_to_the_list_of_accounts_reads_nothing(wave: Wave) -> None:
    for attempt in (
        lambda: comments_under_review(wave.slug, None),
        lambda: note_comments_opened(wave.slug, None, actor="test"),
    ):
        with pytest.raises(NotAllowed):
            attempt()

"""Results for who may read them, the preview and the sending for managers.

Nothing that is hidden stands in any of it.
"""

import csv
import io
import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from survey.access.rules.audit_log import START, LogHead
from survey.database import db, transaction
from survey.findings.document.rules.compute import FROM_TEN, HIDDEN
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.service import documents, sharing
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import sharing_recipients
from survey.providers.service import remove_contact
from survey.responses.service.comments import released_comments
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState
from tests.cast import answer_all, decide, open_company, under_review
from tests.findings.company import CANARY, MERGED, emptied, new_small_company, small_company
from tests.outside import signed_in
from tests.proofs import on_postgresql


@pytest.fixture
def wave(app: Flask) -> Wave:
    return small_company(app).wave


@pytest.fixture
def manager(client: FlaskClient, wave: Wave) -> FlaskClient:
    return signed_in(client, "manager")


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, path
    return response.get_data(as_text=True)


def words_on(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def send(client: FlaskClient, wave: Wave, *contact_ids: str, **more: str) -> Any:
    token = re.search(r'name="csrf_token" value="([^"]+)"', page(client, f"/findings/{wave.slug}"))
    assert token
    return client.post(
        f"/findings/{wave.slug}",
        data={"csrf_token": token[1], "contact": list(contact_ids), **more},
    )


def sharings() -> int:
    return int(db.session.execute(text("SELECT count(*) FROM sharing")).scalar_one())


def contact_of(wave: Wave) -> str:
    return sharing_recipients(wave)[1][0].id


@pytest.mark.parametrize(
    "path", ["/waves/{}", "/findings/{}", "/findings/{}/letter", "/findings/{}.csv"]
)
def test_a_stranger_is_led_to_the_sign_in(client: FlaskClient, wave: Wave, path: str) -> None:
    response = client.get(path.format(wave.slug))
    assert response.status_code == 302
    assert "/sign-in?next=" in response.headers["Location"]


def test_a_viewer_reads_figures_but_neither_comments_nor_the_mail(
    client: FlaskClient, wave: Wave
) -> None:
    viewer = signed_in(client, "viewer")
    results = page(viewer, f"/waves/{wave.slug}")
    assert find_findings(wave.slug).document["headline"] in results
    assert CANARY not in results
    assert f'href="/findings/{wave.slug}"' not in results
    for path in (f"/findings/{wave.slug}", f"/findings/{wave.slug}/letter"):
        page(viewer, path, 403)
    assert viewer.post(
        f"/findings/{wave.slug}", data={"contact": contact_of(wave)}
    ).status_code in {400, 403}
    assert sharings() == 0


def test_the_results_say_what_the_document_says(manager: FlaskClient, wave: Wave) -> None:
    html = page(manager, f"/waves/{wave.slug}")
    words_shown = words_on(html)
    for words in (
        "38 of 51 people answered (75%)",
        "Board and Legal were counted together",
        "Shown from 10 answers",
    ):
        assert words in words_shown
    (finance,) = [
        row
        for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
        if '<th scope="row">Finance (9)' in row
    ]
    cells = [words_on(cell) for cell in re.findall(r"<td.*?</td>", finance, re.DOTALL)]
    assert cells.count(HIDDEN) == 4
    assert len([cell for cell in cells if "n 7" in cell]) == 2
    assert "38 comments." in words_shown
    assert CANARY not in html  # they stand on the page of their readers alone


def test_the_csv_is_a_file_named_after_the_wave(manager: FlaskClient, wave: Wave) -> None:
    response = manager.get(f"/findings/{wave.slug}.csv")
    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"] == f"attachment; filename={wave.slug}.csv"
    assert response.get_data(as_text=True) == as_csv(find_findings(wave.slug))


def test_the_preview_shows_the_mail_and_ticks_nobody(manager: FlaskClient, wave: Wave) -> None:
    html = page(manager, f"/findings/{wave.slug}")
    assert "Otto Lindqvist" in html
    assert len(re.findall(r'<input type="checkbox" id="c-[^>]*name="contact"', html)) == 1
    assert not re.search(r"<input[^>]*\bchecked\b", html)
    assert "Subject: Northwind Ltd staff survey, Q1 2027: the measure " in html
    assert sharings() == 0
    response = manager.get(f"/findings/{wave.slug}/letter")
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert "What we ask of you" in response.get_data(as_text=True)


def test_sending_to_nobody_says_so_and_sends_nothing(manager: FlaskClient, wave: Wave) -> None:
    response = send(manager, wave)
    html = response.get_data(as_text=True)
    assert response.status_code == 400
    assert "<title>Error: " in html
    assert "Tick at least one person; nothing was sent." in html
    assert (sharings(), waves.find_wave(wave.slug).state) == (0, WaveState.COUNTED)


@on_postgresql("databases")
def test_sending_to_a_ticked_person_says_what_happened_each_time(
    manager: FlaskClient, wave: Wave
) -> None:
    for message in ("On its way to 1 person.", "Nothing was sent. 1 has this version already."):
        response = send(manager, wave, contact_of(wave))
        assert (response.status_code, response.headers["Location"]) == (303, f"/waves/{wave.slug}")
        assert message in page(manager, f"/waves/{wave.slug}")
    assert (sharings(), waves.find_wave(wave.slug).state) == (1, WaveState.SHARED)
    assert "has this version already and will not get it twice" in page(
        manager, f"/findings/{wave.slug}"
    )


ALONG = {"comments": "y", "groups": "y"}


def release(wave: Wave, number: int) -> list[str]:
    chosen = under_review(wave.slug).questions[0].comments[:number]
    return [decide(wave.slug, comment.id, "release", actor="mira").text for comment in chosen]


def seen(html: str) -> str:
    (mark,) = re.findall(r'name="seen" value="(\w*)"', html)
    return str(mark)


def ticked(html: str) -> set[str]:
    return {
        name
        for box in re.findall(r"<input[^>]*\bchecked\b[^>]*>", html)
        for name in re.findall(r'name="(\w+)"', box)
    }


def test_comments_can_be_ticked_only_when_some_are_released_and_nothing_is_ticked_beforehand(
    manager: FlaskClient, wave: Wave
) -> None:
    before = page(manager, f"/findings/{wave.slug}")
    assert ('name="comments"' in before, 'name="groups"' in before) == (False, True)
    assert "No comment is released yet, so none can go." in before
    assert f"{sharing_recipients(wave)[0].name} will see how every group scores" in before
    release(wave, 3)
    after = page(manager, f"/findings/{wave.slug}")
    assert "with the 3 released comments" in words_on(after)
    assert (ticked(after), seen(after)) == (set(), "")


@on_postgresql("databases")
def test_the_preview_shows_what_is_ticked_and_keeps_the_ticks(
    manager: FlaskClient, wave: Wave
) -> None:
    texts = release(wave, 3)
    response = send(manager, wave, contact_of(wave), **ALONG, do="preview")
    html = response.get_data(as_text=True)
    assert (response.status_code, sharings(), ticked(html)) == (
        200,
        0,
        {"comments", "groups", "contact"},
    )
    (address,) = set(re.findall(r'<iframe[^>]*src="([^"]+)"', html))
    mail = page(manager, address.replace("&amp;", "&"))
    for part in (mail, html.partition("Its text part")[2]):
        assert sorted(re.findall(rf"{CANARY}\d+", part)) == sorted(texts)
        assert MERGED in part
    plain = page(manager, f"/findings/{wave.slug}/letter")
    assert (CANARY in plain, MERGED in plain) == (False, False)


@on_postgresql("databases")
def test_only_what_was_previewed_can_be_sent(manager: FlaskClient, wave: Wave) -> None:
    release(wave, 2)
    unseen = send(manager, wave, contact_of(wave), **ALONG)
    html = unseen.get_data(as_text=True)
    assert (unseen.status_code, sharings(), ticked(html)) == (
        400,
        0,
        {"comments", "groups", "contact"},
    )
    assert "What goes along has changed. Look at the mail below" in html
    release(wave, 3)
    since = send(manager, wave, contact_of(wave), **ALONG, seen=seen(html))
    assert (since.status_code, sharings()) == (
        400,
        0,
    ), "a comment more was released after the preview"
    sent = send(manager, wave, contact_of(wave), **ALONG, seen=seen(since.get_data(as_text=True)))
    assert (sent.status_code, sharings()) == (303, 1)
    (sharing,) = db.session.execute(text("SELECT comments, groups FROM sharing")).all()
    assert bool(sharing.groups)
    assert str(sharing.comments).count(CANARY) == len(released_comments(wave)) >= 3


def test_a_mail_that_is_too_long_is_said_on_the_page_and_refused(
    manager: FlaskClient, wave: Wave
) -> None:
    with transaction() as session:
        session.execute(text("UPDATE comment SET state = 'released', text = :t"), {"t": "x" * 1000})
    previewed = send(manager, wave, contact_of(wave), comments="y", do="preview").get_data(
        as_text=True
    )
    assert "40 kB are the most that every mail program shows whole" in previewed
    refused = send(manager, wave, contact_of(wave), comments="y", seen=seen(previewed))
    assert (refused.status_code, sharings()) == (400, 0)
    assert (
        "Leave out the groups, or hold back some comments. Nothing was sent."
        in refused.get_data(as_text=True)
    )


def test_somebody_who_is_no_contact_any_more_is_refused_with_what_to_do(
    manager: FlaskClient, wave: Wave
) -> None:
    gone = contact_of(wave)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page(manager, f"/findings/{wave.slug}"))
    assert token
    remove_contact("Brightline IT", "otto@brightline.example")
    response = manager.post(
        f"/findings/{wave.slug}", data={"csrf_token": token[1], "contact": gone}
    )
    assert response.status_code == 400
    assert "<h1>Send the findings to Brightline IT?</h1>" in response.get_data(as_text=True)
    assert "Nothing was sent; choose again." in response.get_data(as_text=True)
    assert sharings() == 0
    assert "has no contact yet" in page(manager, f"/findings/{wave.slug}")
    assert page(manager, f"/findings/{wave.slug}/letter") == ""


def test_a_form_without_its_secret_sends_nothing(manager: FlaskClient, wave: Wave) -> None:
    response = manager.post(f"/findings/{wave.slug}", data={"contact": contact_of(wave)})
    assert response.status_code == 400
    assert sharings() == 0


@on_postgresql("databases")
def test_before_the_count_there_is_progress_and_no_findings(
    app: Flask, client: FlaskClient
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:23])
    browser = signed_in(client, "manager")
    assert browser.get(f"/waves/{company.wave.slug}").status_code == 302
    for path in ("/findings/{}", "/findings/{}/letter", "/findings/{}.csv"):
        assert "appear once it has closed" in page(browser, path.format(company.wave.slug), 409)


@on_postgresql("databases")
def test_how_hidden_answers_are_spread_over_hidden_groups_changes_nothing_that_is_published(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The log holds moments and random ids, so its head differs by chance.
    for module in (documents, sharing):
        monkeypatch.setattr(module, "log_head", lambda: LogHead(7, START))
    before = published(app)
    emptied()
    after = published(app, swapped=True)
    assert [name for name in before if before[name] != after[name]] == []
    assert all(HIDDEN in before[name] for name in ("json", "csv", "page"))
    assert FROM_TEN in before["csv"]
    hidden = [
        line
        for line in csv.DictReader(io.StringIO(before["csv"]))
        if (line["question"], line["group"]) == ("RES1", MERGED)
    ]
    assert [line["estimate"] for line in hidden] == ["", ""]


def published(app: Flask, *, swapped: bool = False) -> dict[str, str]:
    """Everything of a counted wave that anybody can read, without what differs by chance."""
    with app.app_context():
        slug = new_small_company(app, swapped=swapped).wave.slug
        browser = signed_in(app.test_client(), "manager")
        pages = {name: page(browser, path.format(slug)) for name, path in PAGES.items()}
        pages["json"] = json.dumps(find_findings(slug).document)
    return {name: re.sub(BY_CHANCE, "", content) for name, content in pages.items()}


PAGES = {
    "page": "/waves/{}",
    "share": "/findings/{}",
    "mail": "/findings/{}/letter",
    "csv": "/findings/{}.csv",
}
BY_CHANCE = (  # secrets, ids, order of comments
    rf'name="csrf_token" value="[^"]+"|[0-9a-f]{{32}}|<li class="letter">{CANARY}\d+</li>'
)

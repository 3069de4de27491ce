"""The pages around the mail to staff.

Managers write and send, viewers read what was sent, GETs change nothing, nothing typed is lost.
"""

import re
from collections.abc import Callable
from datetime import date, datetime

import pytest
from flask import Flask
from sqlalchemy import text

from survey.accountability.service import record_reply, recorded_reply
from survey.database import db, transaction
from survey.followups.service import follow_ups
from survey.followups.service.follow_ups import send_follow_up
from survey.mail import service as mail
from survey.mail.outbox.service import pausing
from survey.waves.rules.waves import Wave
from tests.answering.today import everything_stored
from tests.followups.company import (
    ACTOR,
    COMMITMENTS,
    FROM_DAY,
    REPLY,
    REPLY_DUE,
    at_noon,
    shared_company,
)
from tests.outside import Browser, browser
from tests.proofs import on_postgresql

Clock = Callable[[date], None]
REPLIED = date(2027, 2, 9)
PATHS = (
    "/findings/{}/reply",
    "/findings/{}/follow-up",
    "/findings/{}/follow-up/letter",
    "/waves/{}/follow-up",
    "/waves/{}/follow-up/letter",
)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock by which these pages and the dashboard go."""

    def set_to(day: date) -> None:
        def moment() -> datetime:
            return at_noon(day)

        for module in ("accountability.views", "console.views.waves", "followups.views"):
            monkeypatch.setattr(f"survey.{module}.now", moment)

    return set_to


@pytest.fixture
def wave(app: Flask, today: Clock) -> Wave:
    today(REPLIED)
    return shared_company(app)


@pytest.fixture
def manager(app: Flask, wave: Wave) -> Browser:
    return browser(app, "manager")


def rows(table: str) -> int:
    return int(db.session.execute(text(f'SELECT count(*) FROM "{table}"')).scalar() or 0)


def words_on(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def send_page(wave: Wave, client: Browser, **fields: str) -> tuple[int, str]:
    path = f"/findings/{wave.slug}/follow-up"
    page = client.get(path)
    seen = re.search(r'name="seen" value="([^"]*)"', page.text)
    response = client.press(path, path, {"seen": seen[1] if seen else "", **fields})
    return response.status_code, response.text


def record_page(wave: Wave, client: Browser, **fields: object) -> tuple[int, str]:
    path = f"/findings/{wave.slug}/reply"
    response = client.press(path, path, fields)
    return response.status_code, response.text


@on_postgresql("databases")
def test_who_may_open_what(app: Flask, wave: Wave) -> None:
    expected = {
        None: [302] * 5,
        "viewer": [403, 403, 403, 200, 200],
        "manager": [200] * 5,
        "admin": [200] * 5,
    }
    for role, codes in expected.items():
        client = browser(app, role)
        assert [client.get(path.format(wave.slug)).status_code for path in PATHS] == codes, role


def test_the_provider_and_a_viewer_cannot_record_or_send(app: Flask, wave: Wave) -> None:
    record_reply(wave.slug, REPLY, REPLIED, COMMITMENTS, at_noon(REPLIED), actor=ACTOR)
    for role in (None, "viewer"):
        client = browser(app, role)
        for path in PATHS[:2]:
            client.post(
                path.format(wave.slug),
                data={"do": "send", "reply": "We are the best.", "received": "2027-02-09"},
            )
    record = recorded_reply(wave)
    assert record
    assert (record.version, rows("follow_up")) == (1, 0)


@on_postgresql("databases")
def test_no_get_changes_anything(app: Flask, wave: Wave, manager: Browser, today: Clock) -> None:
    today(FROM_DAY)
    send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR)
    before = everything_stored()
    for path in PATHS:
        for query in (
            "",
            "?do=send&version=1",
            "?reply=x&received=2027-02-09",
            "?correction=x&seen=y",
        ):
            assert manager.get(path.format(wave.slug) + query).status_code == 200
            manager.head(path.format(wave.slug) + query)
    assert everything_stored() == before


def test_a_reply_with_commitments_is_recorded_and_comes_back_for_correction(
    wave: Wave, manager: Browser
) -> None:
    lines = {
        "side": ["client", "provider"],
        "what": ["Call", ""],
        "owner": ["Dana", ""],
        "due": ["2027-03-01", ""],
    }
    code, _ = record_page(
        wave, manager, reply=REPLY.replace("\n", "\r\n"), received="2027-02-09", **lines
    )
    record = recorded_reply(wave)
    assert record
    assert (code, record.text, record.received, len(record.commitments)) == (303, REPLY, REPLIED, 1)
    page = manager.get(f"/findings/{wave.slug}/reply").text
    assert "&lt;tickets&gt; &amp; calls" in page
    assert 'value="Call"' in page
    assert "kept as version 2" in page


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("fields", "says", "field"),
    [
        ({"reply": "", "received": "2027-02-09"}, "The reply is empty", "#reply"),
        ({"reply": "x" * 100_000, "received": "2027-02-09"}, "has 100,000 characters", "#reply"),
        ({"reply": "a\x1bb", "received": "2027-02-09"}, "control character", "#reply"),
        ({"reply": "Fine.", "received": "2027-02-10"}, "today is 2027-02-09", "#received"),
        ({"reply": "Fine.", "received": "2027-01-01"}, "shared on 2027-01-28", "#received"),
        ({"reply": "Fine.", "received": "next week"}, "is not a day", "#received"),
        ({"reply": "Fine.", "received": ""}, "on which day", "#received"),
        (
            {
                "reply": "Fine.",
                "received": "2027-02-09",
                "side": "client",
                "what": "Call",
                "owner": "",
                "due": "",
            },
            "name an owner",
            "#what-1",
        ),
        ({"none": "y"}, "nothing to record", "#reply"),
    ],
)
def test_a_bad_reply_comes_back_with_one_message_and_everything_typed(
    wave: Wave, manager: Browser, fields: dict[str, str], says: str, field: str
) -> None:
    code, page = record_page(wave, manager, **fields)
    assert code == 400
    assert re.search(r"<title>Error: ", page)
    [alert] = re.findall(r'<div class="problem" role="alert".*?</div>', page, re.DOTALL)
    assert says in words_on(alert)
    assert f'href="{field}"' in alert
    assert f'id="{field[1:]}"' in page
    if "x" * 100 not in fields.get("reply", ""):
        assert fields.get("reply", "") in page
    else:
        assert "x" * 100_000 in page
    assert rows("reply") == 0


def test_a_nul_is_turned_away_before_anything_is_read(wave: Wave, manager: Browser) -> None:
    assert record_page(wave, manager, reply="a\0b", received="2027-02-09")[0] == 400
    assert rows("reply") == 0


@on_postgresql("databases")
def test_before_its_time_the_page_says_from_when_and_has_no_button(
    wave: Wave, manager: Browser, today: Clock
) -> None:
    today(REPLY_DUE)
    page = manager.get(f"/findings/{wave.slug}/follow-up").text
    assert "without one from Friday 12 February 2027" in words_on(page)
    assert 'value="send"' not in page
    code, page = send_page(wave, manager, do="send")
    assert (code, rows("follow_up")) == (400, 0)
    assert "from Friday 12 February 2027" in page
    today(FROM_DAY)
    page = manager.get(f"/findings/{wave.slug}/follow-up").text
    assert "No reply had arrived by 11 February." in page
    assert "Send to 51 people" in page


@on_postgresql("databases")
def test_what_a_manager_writes_is_kept_shown_in_the_mail_and_sent_to_everybody(
    wave: Wave, manager: Browser
) -> None:
    record_reply(wave.slug, REPLY, REPLIED, COMMITMENTS, at_noon(REPLIED), actor=ACTOR)
    code, _ = send_page(
        wave, manager, do="preview", opening="Good news & bad.", changes="We call <sooner>."
    )
    assert (code, rows("follow_up")) == (303, 0)
    framed = manager.get(f"/findings/{wave.slug}/follow-up/letter")
    assert "We call &lt;sooner&gt;." in framed.text
    assert framed.headers["Content-Security-Policy"].endswith("sandbox")
    code, page = send_page(
        wave, manager, do="send", opening="Good news & bad.", changes="We call <sooner>."
    )
    assert code == 303, words_on(page)
    assert mail.delivery_status(wave.slug).counts(follow_ups.FOLLOW_UP) == {"ready": 51}
    edition = follow_ups.find_edition(wave)
    assert edition
    shown = manager.get(f"/waves/{wave.slug}/follow-up")
    assert edition.digest[7:23] in shown.text
    assert "You said, they answered: what changes after our January survey" in shown.text
    assert manager.get(f"/waves/{wave.slug}/follow-up/letter").text == framed.text.replace(
        "preview", "preview"
    )


def test_letters_still_to_leave_are_counted_in_words_and_wait_while_mail_is_paused(
    wave: Wave, manager: Browser
) -> None:
    mail.cancel_letters(wave.slug)
    send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR)
    path = f"/waves/{wave.slug}/follow-up"
    assert "51 letters are still on their way." in manager.get(path).text
    pausing.pause_wave(wave.slug, "a test")
    assert "51 letters wait: mail is paused." in manager.get(path).text
    with transaction() as session:
        keep = "SELECT id FROM outbox WHERE kind = 'follow-up' ORDER BY id LIMIT 1"
        session.execute(
            text(
                f"UPDATE outbox SET state = 'sent' WHERE kind = 'follow-up' AND id NOT IN ({keep})"
            )
        )
    assert "1 letter waits: mail is paused." in manager.get(path).text
    pausing.resume_wave(wave.slug)
    assert "1 letter is still on its way." in manager.get(path).text


@on_postgresql("databases")
def test_what_was_typed_and_not_looked_at_is_kept_and_not_sent(
    wave: Wave, manager: Browser
) -> None:
    record_reply(wave.slug, REPLY, REPLIED, (), at_noon(REPLIED), actor=ACTOR)
    code, page = send_page(wave, manager, do="send", changes="Typed just now.")
    assert (code, rows("follow_up")) == (400, 0)
    assert "Look at it again and send it then" in page
    assert "Typed just now." in page
    assert send_page(wave, manager, do="send", changes="Typed just now.")[0] == 303


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"opening": "x" * 301}, "The opening line has 301 characters"),
        ({"changes": "y" * 2001}, "The text on what you change has 2,001 characters"),
        ({"strength": "Sales"}, "no measure that these findings show"),
        ({"strength": "COM1", "problem": "COM1"}, "chosen twice"),
    ],
)
def test_a_bad_draft_comes_back_with_everything_typed(
    wave: Wave, manager: Browser, fields: dict[str, str], says: str
) -> None:
    code, page = send_page(wave, manager, do="preview", **fields)
    assert code == 400
    assert says in words_on(page)
    assert all(value in page for name, value in fields.items() if name in {"opening", "changes"})
    assert all(f'id="{link}"' in page for link in re.findall(r'<li><a href="#([\w-]+)"', page))
    assert rows("follow_up_draft") == 0


@on_postgresql("databases")
def test_pressing_twice_sends_once_and_a_correction_needs_its_line(
    wave: Wave, manager: Browser
) -> None:
    record_reply(wave.slug, REPLY, REPLIED, (), at_noon(REPLIED), actor=ACTOR)
    seen = re.findall(
        r'name="seen" value="([^"]*)"', manager.get(f"/findings/{wave.slug}/follow-up").text
    )[0]
    path = f"/findings/{wave.slug}/follow-up"
    answers = [
        manager.press(path, path, {"do": "send", "seen": seen}).status_code for _ in range(2)
    ]
    assert (answers, rows("follow_up")) == ([303, 400], 1)
    page = manager.get(path).text
    assert "goes out once" in page
    assert 'value="send"' not in page
    assert send_page(wave, manager, do="preview", correction="Petra, not Peter.")[0] == 303
    assert "Send the correction, version 2, to 51 people" in manager.get(path).text
    assert send_page(wave, manager, do="send", correction="Petra, not Peter.")[0] == 303
    sent = manager.get(f"/waves/{wave.slug}/follow-up").text
    assert "Correction, version 2" in sent
    assert "?version=1" in sent
    assert "Correction" not in manager.get(f"/waves/{wave.slug}/follow-up?version=1").text
    assert manager.get(f"/waves/{wave.slug}/follow-up?version=99999").status_code == 200


@on_postgresql("databases")
def test_dashboard_and_results_say_when_staff_should_hear_until_they_have(
    app: Flask, wave: Wave, manager: Browser, today: Clock
) -> None:
    viewer = browser(app, "viewer")
    for day, says in (
        (REPLIED, "by Thursday 18 February 2027"),
        (date(2027, 2, 19), "overdue since Thursday 18 February 2027"),
    ):
        today(day)
        for client in (manager, viewer):
            assert says in words_on(client.get("/").text)
            assert says.split()[-3] in words_on(client.get(f"/waves/{wave.slug}").text)
    assert "/findings/" not in viewer.get("/").text
    send_follow_up(wave.slug, at_noon(date(2027, 2, 19)), actor=ACTOR)
    for client in (manager, viewer):
        assert "tell staff" not in words_on(client.get("/").text)
        assert "was told on 19 February 2027" in words_on(client.get(f"/waves/{wave.slug}").text)


@on_postgresql("databases")
def test_nothing_on_any_page_tells_how_many_have_stopped(wave: Wave, manager: Browser) -> None:
    from tests.followups.test_service import stop

    record_reply(wave.slug, REPLY, REPLIED, (), at_noon(REPLIED), actor=ACTOR)
    pages = [manager.get(path.format(wave.slug)).text for path in PATHS]
    stop("c5@northwind.example")
    for path, page in zip(PATHS, pages, strict=True):
        now_shown = manager.get(path.format(wave.slug)).text
        assert re.sub(r'csrf_token" value="[^"]*', "", now_shown) == re.sub(
            r'csrf_token" value="[^"]*', "", page
        )

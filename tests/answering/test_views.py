"""The employee's pages over HTTP.

The same for everybody, nothing written by looking, nothing lost by mistakes.
"""

import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, make_url, text
from werkzeug.test import TestResponse

from survey import database
from survey.access.service.limits import CODES_PER_ADDRESS
from survey.answering import views
from survey.counting.service import void_wave
from survey.database import db
from survey.invitations.rules.codes import draw_code, grouped_code
from survey.invitations.service.invitations import invitations_of, number_answered
from survey.organisation.service import set_organisation
from survey.people.service.directory import remove_person
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import question_bank, save_questionnaire
from survey.responses.service.responses import number_of_ballots
from survey.waves import service as waves
from survey.waves.rules.holidays import Holiday
from survey.waves.service.holidays import add_holidays
from tests.answering.today import everything_stored, open_today, sent_letters
from tests.cast import OPENS, Company, close_company, found_company, open_company
from tests.findings.quarter import opened, planned_thirds
from tests.outside import signed_in
from tests.proofs import on_postgresql
from tests.statements import counted_statements

ANSWERS = {"OVR1": "4", "RES1": "", "OPN1": "Call <b>before</b> you connect."}
REFUSED = (
    "This code cannot be used. It may have been used already, or the survey may have closed on"
)


def post(
    client: FlaskClient, company: Company, code: str, answers: object = ANSWERS
) -> TestResponse:
    return client.post(f"/s/{company.wave.slug}", data={"token": code, **answers})  # type: ignore[dict-item]


def said(response: TestResponse) -> str:
    """The words of a page, as they are read."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def keeps(response: TestResponse, answers: dict[str, str] | None = None) -> bool:
    """Whether the page still holds every answer, ticked or written."""
    page = response.text
    return all(
        (
            f">{value}</textarea>" in unescape(page)
            if name.startswith("OPN")
            else re.search(rf'name="{name}" id="[^"]+"\s+value="{value}" checked', page)
        )
        for name, value in (answers or ANSWERS).items()
    )


def stored(company: Company) -> tuple[int, int]:
    return number_of_ballots(company.wave.id), number_answered(company.wave.id)


@on_postgresql("databases")
def test_looking_shows_everybody_the_same_bytes_and_writes_nothing(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    post(client, company, company.codes[0])
    manager = signed_in(app.test_client(), "manager")
    before = everything_stored()
    address = f"/s/{company.wave.slug}"
    links = [address, f"{address}/en", f"{address}?code=x", f"{address}%23nonsense"]
    links += [
        f"{place}%23{code}"
        for place in links[:2]
        for code in (company.codes[0], company.codes[1], grouped_code(draw_code()))
    ]
    links += [f"{address}%23{company.codes[2]}&OVR1=4"]
    plain = client.get(address)
    assert plain.status_code == 200
    for browser in (client, manager):
        for link in links:
            seen, head = browser.get(link), browser.head(link)
            assert (seen.status_code, seen.data, head.status_code, head.data) == (
                200,
                plain.data,
                200,
                b"",
            ), link
            assert seen.headers == plain.headers == head.headers
    assert "Set-Cookie" not in plain.headers
    assert (plain.headers["Cache-Control"], plain.headers["Referrer-Policy"]) == (
        "no-store",
        "no-referrer",
    )
    assert everything_stored() == before


@on_postgresql("databases")
def test_an_answer_leads_to_thanks_that_are_the_same_for_all_and_carry_no_receipt(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    seen = []
    for code, answers in (
        (company.codes[0], ANSWERS),
        (grouped_code(company.codes[1]).lower(), {"OVR1": ""}),
    ):
        sent = post(client, company, code, answers)
        assert (sent.status_code, sent.headers["Location"]) == (
            303,
            f"/s/{company.wave.slug}/thanks",
        )
        seen.append(client.get(sent.headers["Location"]))
    assert stored(company) == (2, 2)
    assert seen[0].data == seen[1].data == client.get(f"/s/{company.wave.slug}/thanks").data
    assert (
        f"{company.wave.closes:%A} {company.wave.closes.day} {company.wave.closes:%B}, 17:00"
        in said(seen[0])
    )
    assert "Call" not in seen[0].text
    forget = client.get(f"/s/{company.wave.slug}/sent.css")
    assert (forget.headers["Clear-Site-Data"], forget.data) == ('"cache"', b"")


# By a calendar on paper: the wave closes on Monday 25 January 2027; results come 3 working days
# later, the reply 10 after them.
@on_postgresql("databases")
@pytest.mark.parametrize(
    ("holidays", "results", "reply"),
    [
        ((), "28 January", "11 February"),
        ((26, 27), "1 February", "15 February"),  # 28, 29 January, 1 February
        ((24, 30, 31), "28 January", "11 February"),  # holidays on a weekend move nothing
    ],
)
def test_the_thanks_name_the_days_on_which_results_and_reply_are_due(
    app: Flask, client: FlaskClient, holidays: tuple[int, ...], results: str, reply: str
) -> None:
    add_holidays(
        [Holiday(date(2027, 1, day)) for day in holidays], datetime(2026, 12, 1, tzinfo=UTC)
    )
    company = open_company(app)
    page = said(client.get(f"/s/{company.wave.slug}/thanks"))
    assert (
        "Monday 25 January, 17:00 : the survey closes and all answers are counted together." in page
    )
    assert f"By {results} : Brightline IT gets the totals, good and bad." in page
    assert f"By {reply} : Brightline IT has to reply with what it will do." in page


# The last third of its quarter closes two months after the first one's 18 January; the months end
# 5 and 15 working days later.
@on_postgresql("databases")
@pytest.mark.parametrize(
    ("holidays", "results", "reply"),
    [
        ((), "March", "April"),  # Thursday 25 March, Thursday 8 April
        ((19, 22, 23, 24, 25), "April", "April"),  # 26, 29, 30, 31 March, 1 April
    ],
)
def test_the_thanks_of_a_third_name_the_months_after_the_whole_quarter(
    app: Flask, client: FlaskClient, holidays: tuple[int, ...], results: str, reply: str
) -> None:
    add_holidays(
        [Holiday(date(2027, 3, day)) for day in holidays], datetime(2026, 12, 1, tzinfo=UTC)
    )
    third = opened(app, planned_thirds(OPENS - timedelta(days=7))).wave
    assert (third.third, third.closes.date()) == (1, date(2027, 1, 18))
    page = said(client.get(f"/s/{third.slug}/thanks"))
    assert (
        "Monday 18 January, 17:00 : this part of the survey closes and its answers are counted"
        " together." in page
    )
    assert (
        f"By the end of {results} : everybody has been asked once, and Brightline IT gets the"
        " totals, good and bad." in page
    )
    assert f"By the end of {reply} : Brightline IT has to reply with what it will do." in page


def test_fifty_posts_of_one_code_at_once_give_one_ballot_and_one_refusal_each(app: Flask) -> None:
    company = open_today(app)
    start, came_to = threading.Barrier(50), []

    def send() -> None:
        browser = app.test_client()
        start.wait(timeout=30)
        came_to.append(post(browser, company, company.codes[0]).status_code)

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert Counter(came_to) == {303: 1, 410: 49}
    assert stored(company) == (1, 1)


@on_postgresql("databases")
def test_whatever_is_wrong_with_a_code_the_page_is_the_same_and_keeps_the_answers(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_today(app)
    used, unknown, gone, good = company.codes[0], draw_code(), company.codes[1], company.codes[2]
    post(client, company, used)
    remove_person(invitations_of(company.wave.id)[1][1].email)
    pages = {code: post(client, company, code) for code in (used, unknown, gone)}
    monkeypatch.setattr(views, "now", lambda: company.wave.closes_at)
    pages |= {good: post(client, company, good)}
    monkeypatch.undo()
    close_company(company)
    pages |= {company.codes[3]: post(client, company, company.codes[3])}
    assert {page.status_code for page in pages.values()} == {410}
    assert len({page.data.replace(code.encode(), b"") for code, page in pages.items()}) == 1
    page = pages[used]
    assert keeps(page)
    assert f"{REFUSED} {company.wave.closes:%A}" in said(page)
    assert "tell Dana Reyes: somebody else may have used it." in said(page)
    assert page.text.split("<title>")[1].startswith("Error: ")


@on_postgresql("databases")
@pytest.mark.parametrize("answers", [{}, {"OPN1": "  \n "}])
def test_an_empty_form_tells_nothing_about_its_code(
    app: Flask, client: FlaskClient, answers: dict[str, str]
) -> None:
    company = open_today(app)
    post(client, company, company.codes[0])
    codes = company.codes[0], company.codes[1], draw_code()
    pages = [post(client, company, code, answers) for code in codes]
    assert {page.status_code for page in pages} == {400}
    assert (
        len(
            {page.data.replace(code.encode(), b"") for page, code in zip(pages, codes, strict=True)}
        )
        == 1
    )
    assert "Answer at least one question" in pages[0].text
    assert post(client, company, company.codes[1]).status_code == 303


@on_postgresql("databases")
def test_answers_are_checked_first_then_the_form_of_the_code_then_the_code(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    off = {**ANSWERS, "SEC1": "9"}
    for code in ("nonsense", draw_code(), company.codes[0]):
        page = post(client, company, code, off)
        assert (page.status_code, keeps(page)) == (400, True)
        assert "Choose one of the answers shown." in page.text
        assert "cannot be used" not in page.text
        assert "Type the code" not in page.text
    page = post(client, company, "nonsense")
    assert (page.status_code, keeps(page), "Type the code from your mail." in page.text) == (
        400,
        True,
        True,
    )
    assert post(client, company, draw_code()).status_code == 410
    assert stored(company) == (0, 0)


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("SEC1", "6", "Choose one of the answers shown."),
        ("SEC1", "-1", "Choose one of the answers shown."),
        ("SEC1", "\u0664", "Choose one of the answers shown."),
        ("SEC1", "1" * 4000, "Choose one of the answers shown."),
        ("SEC1", "4\x00", "Choose one of the answers shown."),
        ("NOPE", "1", "a question that this survey does not ask"),
        ("\x00\ud800", "1", "a question that this survey does not ask"),
        ("OPN2", "text", "a question that this survey does not ask"),
        ("SEC1", ["4", "5"], "was answered twice"),
        ("OVR1", ["4", "4"], "was answered twice"),
        ("OPN1", ["one", "two"], "was answered twice"),
        ("token", ["", ""], "Type the code from your mail."),
        ("token", "x" * 5000, "Type the code from your mail."),
        ("token", "\x00" * 24, "Type the code from your mail."),
        ("OPN1", "x" * 1035, "Please shorten by about 40 characters."),
        ("OPN1", "\U0001f600" * 1001, "Please shorten by about 10 characters."),
    ],
)
def test_a_faulty_form_comes_back_with_a_sentence_and_the_code_stays_good(
    app: Flask, client: FlaskClient, field: str, value: object, says: str
) -> None:
    company = open_today(app)
    form = {"token": company.codes[0], **ANSWERS, field: value}
    body = "&".join(
        f"{encoded(name)}={encoded(one)}"
        for name, given in form.items()
        for one in ([given] if isinstance(given, str) else given)
    )
    page = client.post(
        f"/s/{company.wave.slug}", data=body, content_type="application/x-www-form-urlencoded"
    )
    assert page.status_code == 400
    assert says in said(page)
    assert keeps(page, {name: answer for name, answer in ANSWERS.items() if name != field})
    if field == "OPN1" and isinstance(value, str):
        assert keeps(page, {"OPN1": value})
        assert 'maxlength="1000"' not in page.text
    assert stored(company) == (0, 0)
    assert post(client, company, company.codes[0]).status_code == 303


def encoded(words: str) -> str:
    return quote(words, safe="", errors="surrogatepass")


@on_postgresql("databases")
@pytest.mark.parametrize(
    "value",
    [
        "a\x00b\x07c\x9b",
        "a\ud800\udfffb",
        "\ufeff\u2028",
        "\r\n tidy \r\n",
        "<script>alert(1)</script>",
    ],
)
def test_texts_with_strange_characters_are_cleaned_and_taken(
    app: Flask, client: FlaskClient, value: str
) -> None:
    company = open_today(app)
    body = f"token={company.codes[0]}&OVR1=4&OPN1={encoded(value)}"
    sent = client.post(
        f"/s/{company.wave.slug}", data=body, content_type="application/x-www-form-urlencoded"
    )
    assert sent.status_code == 303
    assert stored(company) == (1, 1)


@on_postgresql("databases")
def test_texts_that_together_exceed_a_ballot_say_by_how_much_and_lose_nothing(
    app: Flask, client: FlaskClient
) -> None:
    known = question_bank()
    texts = [known[name] for name in known if known[name].scale.max_chars][:3]
    assert len(texts) == 3
    asked = Questionnaire.of(
        slug="quarterly_8",
        title="Texts",
        language="en",
        preamble="",
        questions=[known["OVR1"], *texts],
    )
    save_questionnaire(asked)
    company = open_today(app)
    answers = {question.id: "\U0001f600" * 1000 for question in texts}
    page = post(client, company, company.codes[0], answers)
    assert page.status_code == 400
    assert keeps(page, answers)
    shorter = re.search(r"Please shorten your texts by about (\d+) characters in all", said(page))
    assert shorter
    excess = int(shorter[1])
    assert 900 < excess < 1100
    assert stored(company) == (0, 0)
    answers[texts[0].id] = "\U0001f600" * (1000 - excess)
    assert post(client, company, company.codes[0], answers).status_code == 303


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"OVR1": 4}', "application/json", 415),
        (b"OVR1=4", "text/plain", 415),
        (b"--x", "multipart/form-data", 400),
        (
            b"--x\r\nContent-Disposition: form-data; name=OVR1\r\n\r\n",
            "multipart/form-data; boundary=x",
            400,
        ),
        (b"\xff\xfe=%", "application/x-www-form-urlencoded", 400),
        (b"OPN1=" + b"x" * 64 * 1024, "application/x-www-form-urlencoded", 413),
        (
            b"&".join(b"a%d=" % number for number in range(9000)),
            "application/x-www-form-urlencoded",
            400,
        ),
    ],
)
def test_a_body_that_is_no_form_gets_a_page_with_a_sentence(
    app: Flask, client: FlaskClient, body: bytes, kind: str, status: int
) -> None:
    company = open_today(app)
    page = client.post(f"/s/{company.wave.slug}", data=body, content_type=kind)
    assert page.status_code == status
    assert re.search(
        "does not ask|Send less than 64 KiB|Pages take forms only|The form arrived damaged",
        page.text,
    )
    assert stored(company) == (0, 0)


@on_postgresql("databases")
def test_no_page_of_the_employee_ever_sets_a_cookie_or_reads_one(app: Flask) -> None:
    company = open_today(app)
    manager = signed_in(app.test_client(), "admin")
    base = f"/s/{company.wave.slug}"
    seen = [
        manager.get(path)
        for path in (
            base,
            f"{base}/en",
            f"{base}/thanks",
            f"{base}/sent.css",
            "/promise",
            "/s/none",
        )
    ]
    seen += [
        post(manager, company, code, answers)
        for code, answers in ((draw_code(), ANSWERS), ("", {}), (company.codes[0], ANSWERS))
    ]
    assert [page.status_code for page in seen] == [200, 200, 200, 200, 200, 404, 410, 400, 303]
    assert [page.headers.getlist("Set-Cookie") for page in seen] == [[]] * len(seen)


@contextmanager
def locked(database_url: str) -> Iterator[None]:
    """Another connection holds what an answer must write."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        other = sqlite3.connect(str(url.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
        return
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE ballot, invitation IN SHARE MODE"))
        yield
    engine.dispose()


def test_a_locked_database_keeps_the_answers_on_the_page_and_does_nothing_by_half(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_today(app)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    monkeypatch.setattr(
        "survey.waves.service.states._LIMIT_WAITING", text("SET LOCAL lock_timeout = 200")
    )
    db.session.remove()
    db.engine.dispose()
    browser = app.test_client()
    with locked(database_url):
        page = post(browser, company, company.codes[0])
        assert browser.get(f"/s/{company.wave.slug}").status_code == 200
    assert (page.status_code, keeps(page)) == (503, True)
    assert "Nothing you wrote is lost: leave this page open and try again later." in said(page)
    assert company.codes[0] in page.text
    assert stored(company) == (0, 0)
    db.session.remove()
    assert post(browser, company, company.codes[0]).status_code == 303
    assert stored(company) == (1, 1)


@contextmanager
def away(database_url: str) -> Iterator[None]:
    """The database is not there at all."""
    url = make_url(database_url)
    db.session.remove()
    db.engine.dispose()
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        file.rename(file.with_suffix(".away"))
        yield
        db.engine.dispose()
        for left in file.parent.glob("candour.db*"):
            left.unlink()
        file.with_suffix(".away").rename(file)
        return
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false'))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": url.database},
        )
        yield
        connection.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true'))
    server.dispose()


def test_without_a_database_the_answers_stay_on_the_page_and_are_taken_later(
    app: Flask, database_url: str
) -> None:
    company = open_today(app)
    address, browser = f"/s/{company.wave.slug}", app.test_client()
    with away(database_url):
        unseen = post(browser, company, company.codes[0])
        assert unseen.status_code == 503
        assert "We cannot take answers right now" in said(unseen)
    browser.get(address)
    with away(database_url):
        page, look = post(browser, company, company.codes[0]), browser.get(address)
    assert (page.status_code, keeps(page), look.status_code) == (503, True, 503)
    assert "Traceback" not in page.text + look.text
    assert look.headers.getlist("Set-Cookie") == page.headers.getlist("Set-Cookie") == []
    assert post(browser, company, company.codes[0]).status_code == 303


def test_a_wave_that_takes_no_answers_says_when_it_does_or_did(
    app: Flask, client: FlaskClient
) -> None:
    first = found_company()
    address = f"/s/{first.slug}"
    for path in (address, f"{address}/en", f"{address}%23{draw_code()}"):
        assert f"Opens on Monday {OPENS.day} January, 09:00" in said(client.get(path))
    assert client.get(f"{address}/thanks").status_code == 404


@on_postgresql("databases")
def test_a_closed_wave_says_so_and_asks_for_no_code(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = ("Northwind Ltd", "Dana Reyes", "dana@northwind.example", "Head", "host")
    company = open_today(app, prepare=lambda: set_organisation(*facts, several_zones=True))
    address, closes = f"/s/{company.wave.slug}", company.wave.closes
    monkeypatch.setattr(views, "now", lambda: company.wave.closes_at)
    following = next(w for w in waves.list_waves("IT support") if w.state == "planned")
    page = client.get(address)
    assert re.search(
        rf"Closed on {closes:%A} {closes.day} {closes:%B}, 17:00 (GMT|BST)", said(page)
    )
    assert f"The next survey opens on {following.opens.day} {following.opens:%B %Y}." in said(page)
    assert "<form" not in page.text
    close_company(company)
    assert client.get(address).data == page.data
    assert post(client, company, company.codes[0]).status_code == 410


@on_postgresql("databases")
def test_a_void_wave_looks_closed_and_names_no_date_that_never_came(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong staff list", actor="test")
    page = client.get(f"/s/{company.wave.slug}")
    assert "This survey is closed" in said(page)
    assert "wrong staff list" not in page.text
    assert "<form" not in page.text
    refused = post(client, company, company.codes[0])
    assert (refused.status_code, keeps(refused)) == (410, True)


@on_postgresql("databases")
def test_failed_codes_are_limited_and_good_ones_are_not(app: Flask, client: FlaskClient) -> None:
    company = open_today(app)
    for _ in range(CODES_PER_ADDRESS):
        assert post(client, company, draw_code()).status_code == 410
    limited = post(client, company, draw_code())
    assert (limited.status_code, keeps(limited)) == (429, True)
    assert "try again in a minute" in said(limited)
    assert 0 < int(limited.headers["Retry-After"]) <= 60
    assert post(client, company, company.codes[0]).status_code == 303, (
        "a colleague in the same office"
    )
    assert post(client, company, company.codes[0]).status_code == 429, (
        "a used code is no other than an unknown one"
    )
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert post(elsewhere, company, draw_code()).status_code == 410


@on_postgresql("databases")
def test_after_the_close_nobody_is_limited(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_today(app)
    monkeypatch.setattr(views, "now", lambda: company.wave.closes_at)
    assert {
        post(client, company, code).status_code for code in company.codes[: CODES_PER_ADDRESS + 5]
    } == {410}


def promises(company: Company, closes: str) -> list[str]:
    """The sentences of the design, with what this wave froze."""
    return [
        (
            "We know that you were invited. Until the survey closes, the system also knows whether"
            " you have answered, so that only those who have not are reminded. That mark is erased"
            " when the answers are counted."
        ),
        (
            "Your answers are encrypted when you press Send. They are opened once, after the"
            f" survey has closed ({closes}), all together and in random order; then the key is"
            " destroyed. No time, no device address and no cookie is kept with them."
        ),
        (
            "While the survey is open nobody sees any result. Afterwards nothing is shown for"
            f" fewer than {company.wave.minimum_group} answers; averages, detailed distributions"
            f" and comments need {company.wave.minimum_detail}."
        ),
        (
            "After Send this system has no way to look up, change or withdraw your answers, not"
            " even for you."
        ),
        (
            "What you write can give you away. Leave out names, ticket numbers and dates. Mira"
            " Vance, Head of operations, reads every comment and decides whether Brightline IT may"
            " see it."
        ),
        (
            "What we cannot rule out: whoever runs the server (northwind.example) could misuse the"
            " key before the survey closes, or change the program; whoever can read your mail could"
            " answer in your place; whoever keeps the staff list could add people who do not exist."
            " If your address is changed while the survey is open, you are told at the old one."
        ),
    ]


@on_postgresql("databases")
def test_mail_form_and_promise_page_say_exactly_what_the_wave_froze(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    company = open_today(app)
    wave = waves.extend_wave(company.wave.slug, 2, views.now())
    closes = f"{wave.closes:%A} {wave.closes.day} {wave.closes:%B}, 17:00"
    for path, tag in (
        (f"/s/{wave.slug}", "details"),
        ("/promise", 'section class="card" id="promise"'),
    ):
        block = client.get(path).text.partition(f"<{tag}")[2].partition(f"</{tag.split()[0]}>")[0]
        sentences = [unescape(line) for line in re.findall(r"<li>([^<]+)</li>", block)]
        assert sentences == promises(company, closes), path
    group_of = {person.email: invitation.group for invitation, person in invitations_of(wave.id)}
    size = {group.name: group.invited for group in wave.groups}
    for letter in sent_letters(tmp_path / "mail"):
        group = group_of[letter.to.partition("<")[2].rstrip(">")]
        sentence = (
            "Your answers are sealed when you press Send, opened only after the survey has closed"
            f" ({closes}), together with everyone else’s, and kept without your name: nobody at"
            " Northwind Ltd or Brightline IT is shown who said what. They are counted under"
            f" {group} ({size[group]} people invited)."
        )
        assert sentence in " ".join(letter.text.split())
        assert sentence in " ".join(unescape(re.sub(r"<[^>]+>", "", letter.html)).split())
        assert len(re.findall(r"#[0-9A-Z]{24}\b", letter.text)) == 1
        assert f"by {closes}" in letter.subject


def test_an_answer_takes_eight_statements_and_builds_no_page_that_is_thrown_away(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    assert (
        post(client, company, company.codes[0]).status_code == 303
    )  # the process remembers the questionnaire and the page
    for code in company.codes[1:3]:
        with counted_statements() as statements:
            assert post(client, company, code).status_code == 303
        assert len(statements) == 8, statements
        assert not [
            statement
            for statement in statements
            if "organisation.name" in statement or " FROM provider" in statement
        ]

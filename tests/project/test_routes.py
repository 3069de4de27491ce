"""Every route, as every role.

Who may open it, what the page holds, what the browser is told, and what rubbish does to it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from survey.access.rules.open_to import LARGEST_REQUEST, ROLES, PageAccess, access_of, open_to
from survey.access.views.setup import FOREIGN, undeclared
from survey.app import create_app
from survey.counting.service import void_wave
from survey.database import Base, db
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, store_code
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher
from survey.people.service.directory import list_people
from survey.providers.service import list_providers
from survey.waves import service as waves
from tests.cast import answer_all, close_company, open_company
from tests.conftest import settings
from tests.outside import browser

CANARY = "canarycomment"
AS = (None, *ROLES)
STOP = {
    "answering.stop",
    "answering.again",
    "answering.confirm_stop",
    "answering.take_up_again",
    "answering.one_click",
}
WITHOUT_CSRF = {
    "answering.answer",
    "access.use",
    "access.know_browser",
    "answering.confirm_stop",
    "answering.take_up_again",
    "answering.one_click",
}  # the code or the link in the form is the authority
EMPLOYEE = {
    "answering.stop",
    "answering.again",
    "answering.survey",
    "answering.answer",
    "answering.thanks",
    "answering.sent",
    "answering.promise",
    "findings.how_we_count",
}
WITH_A_FILE = {
    "people.preview",
    "people.confirm",
    "people.missing",
    "people.faults",
    "counting.count",
}
WITH_A_LONG_TEXT = {
    "accountability.reply"
}  # word for word, so that one far too long comes back with a sentence
# Whoever takes something out leaves an entry in the audit log, and changes nothing else.
TAKEN_OUT = {"findings.csv"}
BY_ANY_NAME = {"health.healthz", "health.readyz", "health.metrics"}
# What the browser is told, beyond the policy of every page.
PLAIN = {
    **dict.fromkeys(("default-src", "base-uri", "frame-ancestors"), "'none'"),
    **dict.fromkeys(("style-src", "img-src", "font-src", "form-action"), "'self'"),
}
WITH_SCRIPT = STOP | {
    "answering.survey",
    "answering.answer",
    "answering.thanks",
    "access.link",
    "access.use",
    "access.browser_link",
    "access.know_browser",
}
WITH_A_FRAME = {"findings.share_page", "mail.letter", "followups.write", "followups.sent"}
FRAMED = {"default-src": "'none'", "style-src": "'unsafe-inline'", "frame-ancestors": "'self'"}
IN_A_FRAME = {
    "findings.letter": "",
    "followups.letter": "",
    "followups.sent_letter": "",
    "mail.html": "allow-popups allow-popups-to-escape-sandbox",
}
NO_REFERRER = WITH_SCRIPT | {"mail.letter", "mail.html"}


@dataclass
class World:
    """Northwind with a counted, an open, a planned and a void wave, and something to put into every
    part of a route.
    """

    app: Flask
    samples: dict[str, list[str]] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)

    def addresses(self, rule: Rule) -> list[str]:
        """The addresses of a route with all its samples."""
        unknown = rule.arguments - set(self.samples)
        assert not unknown, f"{rule}: give SAMPLES a value for {sorted(unknown)}"
        names = sorted(rule.arguments)
        with self.app.test_request_context():
            adapter = self.app.url_map.bind("localhost")
            return [
                adapter.build(
                    rule.endpoint,
                    dict(zip(names, values, strict=True)),
                    method=next(iter(rule.methods or ())),
                )
                for values in product(*(self.samples[name] for name in names))
            ]

    def browser(self, role: str | None) -> FlaskClient:
        """A browser of a stranger, or of somebody who has signed in."""
        return browser(self.app, role)


@dataclass(frozen=True)
class Visit:
    """One page, as it was served to somebody."""

    endpoint: str
    address: str
    role: str | None
    response: TestResponse

    def __str__(self) -> str:
        return f"{self.address} as {self.role or 'a stranger'}: {self.response.status}"


def build_world(app: Flask, *, with_mail: bool) -> World:
    """One wave in each state, and what the routes' parts may be."""
    company = open_company(app)
    answer_all(company, company.codes[:42], comment=CANARY)
    close_company(company)
    soon = now().replace(tzinfo=None) + timedelta(hours=1)
    for name in ("Help desk", "Network"):
        waves.store_survey(
            waves.SurveyPlan(
                name, "Brightline IT", "quarterly_8", "quarterly", soon, 14, "UTC", "all"
            )
        )
    open_ = open_wave(
        waves.list_waves("Help desk")[0].slug, now(), company.config.key_dir, actor="test"
    )
    void = void_wave(
        waves.list_waves("Network")[0].slug,
        company.config.key_dir,
        reason="wrong list",
        actor="test",
    )
    planned = waves.list_waves("Noise")[0]
    if with_mail:
        mail.deliver_letters(seconds=60)
    codes = []
    for invitation, _ in invitations_of(open_.id):
        codes.append(draw_code())
        store_code(invitation.id, codes[-1])
    otto = next(provider for provider in list_providers() if provider.name == "Brightline IT")
    letters = Catcher(company.config.folder / "mail").letters() if with_mail else []
    return World(
        app,
        {
            "wave": [company.wave.slug, open_.slug, planned.slug, void.slug, "no-such-wave"],
            "language": ["en", "xx"],
            "secret": ["x" * 43],
            "person_id": [list_people()[0].id, "nobody"],
            "proposal_id": ["nobody"],
            "provider": [otto.slug, "no-such-provider"],
            "contact_id": [otto.contacts[0].id, "nobody"],
            "letter_id": [letters[0].id if letters else "none", "../../candour"],
            "slug": ["quarterly_8", "no-such-questionnaire"],
            "survey": ["help-desk", "network", "no-such-survey"],
            "change": ["pause", "resume", "end", "no-such-change"],
            "filename": ["app.css", "fragment.js", "../app.py"],
        },
        codes,
    )


@pytest.fixture(scope="module")
def world(
    templates: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The world that all walks share; they leave it as it was."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "candour.db").write_bytes(
        Path(templates["sqlite"].removeprefix("sqlite:///")).read_bytes()
    )
    app = create_app(settings(f"sqlite:///{folder / 'candour.db'}", folder))
    with app.app_context():
        yield build_world(app, with_mail=True)
        db.session.remove()
        db.engine.dispose()


def routes(app: Flask, method: str) -> list[Rule]:
    """The routes that take this method."""
    return sorted(
        (rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())), key=str
    )


def opening(app: Flask, endpoint: str) -> PageAccess:
    """What a view declares."""
    found = FOREIGN.get(endpoint) or access_of(app.view_functions[endpoint])
    assert found, f"{endpoint} lacks @open_to(...): say who may read it"
    return found


@pytest.fixture(scope="module")
def visits(world: World) -> list[Visit]:
    """Every address of every route, opened by everybody."""
    found = []
    for role in AS:
        client = world.browser(role)
        for rule in routes(world.app, "GET"):
            found += [
                Visit(rule.endpoint, address, role, client.get(address))
                for address in world.addresses(rule)
            ]
    return found


# What people wrote is shown to the accounts that the promise names, and to no administrator.
NOT_NAMED = ("comments.comments", "admin")


def leads_to_sign_in(response: TestResponse) -> bool:
    return response.status_code == 302 and response.location.startswith("/sign-in")


def test_everybody_gets_exactly_what_each_view_declares(world: World, visits: list[Visit]) -> None:
    for visit in visits:
        declared, response = opening(world.app, visit.endpoint), visit.response
        if declared.needs_sign_in and visit.role is None:
            assert leads_to_sign_in(response), visit
        elif not declared.admits(visit.role):
            assert response.status_code == 403, visit
        elif (visit.endpoint, visit.role) == NOT_NAMED:
            assert response.status_code in {403, 404, 409}, visit
        else:
            assert response.status_code in {200, 302, 304, 308, 404, 409}, visit
            assert not leads_to_sign_in(response), visit


def test_every_view_shows_its_page_to_whom_it_declares(world: World, visits: list[Visit]) -> None:
    good = {(visit.endpoint, visit.role) for visit in visits if visit.response.status_code == 200}
    due = {
        (rule.endpoint, role)
        for rule in routes(world.app, "GET")
        for role in AS
        if opening(world.app, rule.endpoint).admits(role)
    }
    elsewhere = {"console.list_waves", "security.login"}  # for whoever is signed in, the first page
    assert due - good == {(endpoint, role) for endpoint in elsewhere for role in ROLES} | {
        NOT_NAMED
    }


def test_every_role_includes_the_one_before(world: World) -> None:
    levels = [
        sum(opening(world.app, rule.endpoint).admits(role) for rule in routes(world.app, "GET"))
        for role in AS
    ]
    assert levels == sorted(set(levels)), "each role opens more than the one before"


def contents(*leave: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sessions aside: they come and go with the browsers of the tests."""
    tables = [
        table for table in Base.metadata.sorted_tables if table.name not in {"session", *leave}
    ]
    return {
        table.name: sorted((tuple(row) for row in db.session.execute(select(table))), key=repr)
        for table in tables
    }


def token(client: FlaskClient) -> str:
    """A good CSRF token for this browser."""
    for page in ("/account", "/sign-in"):
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
        if found:
            return found[1]
    pytest.fail("no form shows a CSRF token")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_whoever_only_looks_changes_nothing(world: World, method: str) -> None:
    """Even an administrator, at any address: HEAD reaches the same view as GET, with no token."""
    administrator, changed = world.browser(AS[-1]), []
    before = contents()
    rules = [rule for rule in routes(world.app, method) if rule.endpoint not in TAKEN_OUT]
    for start in range(0, len(rules), 10):  # ten at a time, for looking at all tables takes time
        some = rules[start : start + 10]
        for rule in some:
            for address in world.addresses(rule):
                administrator.open(address, method=method)
        after = contents()
        if after != before:
            changed += [rule.endpoint for rule in some]
        before = after
    assert changed == [], "one of these"
    for rule in routes(world.app, method):
        if rule.endpoint in TAKEN_OUT:
            for address in world.addresses(rule):
                administrator.open(address, method=method)
    assert contents("audit_entry") == {
        name: rows for name, rows in before.items() if name != "audit_entry"
    }
    assert method == "GET" or contents() == before


@pytest.mark.parametrize("role", AS)
def test_a_post_beyond_ones_role_is_refused_and_changes_nothing(
    world: World, role: str | None
) -> None:
    client = world.browser(role)
    data = {
        "csrf_token": token(client),
        "reason": "because",
        "email": "new@northwind.example",
        "role": "admin",
    }
    before, tried = contents(), 0
    for rule in routes(world.app, "POST"):
        if opening(world.app, rule.endpoint).admits(role):
            continue
        for address in world.addresses(rule):
            response = client.post(address, data=data)
            assert response.status_code == 403 or (role is None and leads_to_sign_in(response)), (
                f"{address}: {response.status}"
            )
            tried += 1
    assert contents() == before
    assert tried > {None: 20, "viewer": 20, "manager": 0, "admin": -1}[role]


def test_every_form_but_the_listed_ones_is_refused_without_its_token(world: World) -> None:
    client = world.browser("admin")
    before, taken = contents(), set()
    for rule in routes(world.app, "POST"):
        for address in world.addresses(rule):
            response = client.post(address, data={"csrf_token": "made-up", "reason": "because"})
            if "Please send the form again" not in response.text:
                taken.add(rule.endpoint)
            else:
                assert response.status_code == 400
    assert taken == WITHOUT_CSRF
    assert contents() == before


def test_a_view_that_declares_nobody_is_found_and_closed_to_everybody(world: World) -> None:
    assert undeclared(world.app) == []
    app = create_app(world.app.config["CANDOUR"])
    app.add_url_rule("/naked", "naked", lambda: "secret")
    app.add_url_rule("/dressed", "dressed", open_to("everyone")(lambda: "open"))
    assert undeclared(app) == ["naked lacks @open_to(...): say who may read it"]
    with app.app_context():
        for role in (None, "admin"):
            refused = browser(app, role).get("/naked")
            assert (refused.status_code, "secret" in refused.text) == (403, False)
        assert browser(app).get("/dressed").text == "open"
        db.engine.dispose()


@pytest.mark.parametrize("audiences", [(), ("managers",), ("everyone", "employees")])
def test_an_audience_that_does_not_exist_cannot_be_declared(audiences: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="unknown audiences"):
        open_to(*audiences)


def test_comments_are_shown_to_those_the_promise_names_and_to_no_viewer(
    visits: list[Visit],
) -> None:
    reading = {visit.role for visit in visits if CANARY in visit.response.text}
    assert reading == {"manager"}  # whose account the promise names; no administrator
    assert {visit.endpoint for visit in visits if CANARY in visit.response.text} == {
        "comments.comments"
    }


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.language, self.title, self.inside = "", "", ""
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.faults: list[str] = []
        self.headings = 0
        self.links: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.inside = tag
        self.headings += tag == "h1"
        self.language = named.get("lang", "") if tag == "html" else self.language
        self.ids += [named["id"]] if "id" in named else []
        self.faults += [
            f"<{tag} {name}>" for name in named if name == "style" or name.startswith("on")
        ]
        self.faults += ["<style>"] if tag == "style" else []
        self.faults += ["<script> without src"] if tag == "script" and "src" not in named else []
        self.addresses += [
            value
            for name, value in named.items()
            if name in {"src", "href", "action", "srcset", "poster", "formaction"}
        ]
        self.links += [named["href"]] if tag == "a" and "href" in named else []

    def handle_data(self, data: str) -> None:
        self.title += data if self.inside == "title" else ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def broken(source: str) -> list[str]:
    """What a page lacks, or holds against the policy."""
    page = Page(source)
    foreign = [
        address
        for address in page.addresses
        if re.match(r"(?!mailto:)[a-z][a-z0-9+.-]*:|//", address, re.IGNORECASE)
    ]
    twice = sorted({name for name in page.ids if page.ids.count(name) > 1})
    return [
        *page.faults,
        *([] if page.title.strip() else ["no title"]),
        *([] if page.language else ["no language"]),
        *([] if page.headings == 1 else [f"{page.headings} h1"]),
        *[f"foreign address {address}" for address in foreign],
        *[f"id {name} twice" for name in twice],
        *[
            f"link to #{address[1:]}, which is not there"
            for address in page.links
            if re.match("#.", address) and address[1:] not in page.ids
        ],
    ]


GOOD = (
    '<!doctype html><html lang="en"><title>A</title><a href="#main">x</a><main'
    ' id="main"><h1>A</h1></main></html>'
)


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        (GOOD.replace("<title>A", "<title> "), "no title"),
        (GOOD.replace(' lang="en"', ""), "no language"),
        (GOOD + "<h1>B</h1>", "2 h1"),
        (GOOD + '<p id="main">', "id main twice"),
        (GOOD + '<p style="color:red">', "<p style>"),
        (GOOD + '<p onclick="x()">', "<p onclick>"),
        (GOOD + "<script>x()</script>", "<script> without src"),
        (GOOD + '<img src="data:image/png;base64,AA">', "foreign address data:image/png;base64,AA"),
        (GOOD + '<a href="//cdn.example/x">', "foreign address //cdn.example/x"),
        (GOOD + '<a href="#nowhere">', "link to #nowhere, which is not there"),
    ],
)
def test_a_broken_page_is_found(spoilt: str, fault: str) -> None:
    assert broken(GOOD) == []
    assert broken(spoilt) == [fault]


def test_every_page_is_whole_and_holds_nothing_foreign(visits: list[Visit]) -> None:
    pages = [
        v
        for v in visits
        if v.response.mimetype == "text/html"
        and v.endpoint not in IN_A_FRAME
        and v.response.status_code not in {302, 308}
    ]
    assert len({visit.endpoint for visit in pages}) > 20
    own = "http://localhost/"  # a mail in the catcher, whose links work
    assert {
        str(visit): faults
        for visit in pages
        if (faults := broken(visit.response.text.replace(own, "/")))
    } == {}


def told(endpoint: str, role: str | None, status: int) -> dict[str, str]:
    """The content policy that this page must have."""
    if status == 200 and endpoint in IN_A_FRAME:
        return FRAMED | {"sandbox": IN_A_FRAME[endpoint]}
    if endpoint in WITH_SCRIPT and status != 404:
        return PLAIN | {"script-src": "'self'"}
    return PLAIN | ({"frame-src": "'self'"} if endpoint in WITH_A_FRAME and status == 200 else {})


def policy(response: TestResponse) -> dict[str, str]:
    parts = [
        part.strip().partition(" ")
        for part in response.headers["Content-Security-Policy"].split(";")
    ]
    return {name: value for name, _, value in parts}


def test_the_browser_is_told_exactly_what_is_listed(visits: list[Visit]) -> None:
    for visit in visits:
        headers, status = visit.response.headers, visit.response.status_code
        assert policy(visit.response) == told(visit.endpoint, visit.role, status), visit
        assert headers["X-Content-Type-Options"] == "nosniff", visit
        silent = visit.endpoint in NO_REFERRER and status != 404
        assert headers["Referrer-Policy"] == ("no-referrer" if silent else "same-origin"), visit
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", visit
        assert ("no-store" in headers.get("Cache-Control", "")) == (visit.endpoint != "static"), (
            visit
        )
        assert "Strict-Transport-Security" not in headers, "not on plain http"


def test_script_is_loaded_only_where_it_is_listed(visits: list[Visit]) -> None:
    assert {visit.endpoint for visit in visits if "<script" in visit.response.text} == {
        "answering.survey",
        "answering.stop",
        "answering.again",
        "access.link",
        "access.browser_link",
    }


def test_no_link_leads_a_reader_to_a_page_that_is_closed_to_them(
    world: World, visits: list[Visit]
) -> None:
    adapter, found = world.app.url_map.bind("localhost"), set()
    for visit in visits:
        if (
            visit.role is None
            or visit.response.mimetype != "text/html"
            or visit.endpoint in IN_A_FRAME
        ):
            continue
        for link in Page(visit.response.text).links:
            if re.match(r"/(?!static)", link):
                endpoint, _ = adapter.match(re.split("[?#]", link)[0])
                if not opening(world.app, endpoint).admits(visit.role):
                    found.add(visit.endpoint)
    assert found == set()


def test_no_employee_page_sets_a_cookie_whoever_opens_it(world: World, visits: list[Visit]) -> None:
    seen = [visit for visit in visits if visit.endpoint in EMPLOYEE]
    assert {visit.endpoint for visit in seen} == EMPLOYEE - {"answering.answer"}
    assert [str(visit) for visit in seen if "Set-Cookie" in visit.response.headers] == []


def test_answering_sets_no_cookie_whatever_comes_of_it(world: World) -> None:
    address = f"/s/{world.samples['wave'][1]}"
    for client, code in (
        (world.browser(None), world.codes[0]),
        (world.browser("manager"), world.codes[1]),
    ):
        forms = (
            {},
            {"OVR1": "9"},
            {"OVR1": "4", "token": "unknown"},
            {"OVR1": "4", "token": code},
            {"OVR1": "4", "token": code},
        )
        replies = [client.post(address, data=form) for form in forms]
        assert [reply.status_code for reply in replies] == [400, 400, 400, 303, 410]
        assert [policy(reply) for reply in replies[:3]] == [PLAIN | {"script-src": "'self'"}] * 3
        assert [reply.headers.get("Set-Cookie") for reply in replies] == [None] * 5


FORGED = (
    "evil.example",
    "localhost.evil.example",
    "localhost:80@evil.example",
    "",
    "[::1",
    "127.0.0.1.",
)


def test_a_forged_host_is_refused_everywhere_but_for_the_monitors(world: World) -> None:
    client = world.browser(None)
    for rule in routes(world.app, "GET"):
        for host in FORGED:
            response = client.get(world.addresses(rule)[0], headers={"Host": host})
            assert (response.status_code == 400) == (rule.endpoint not in BY_ANY_NAME), (
                f"{rule} by {host!r}: {response.status}"
            )
            assert "evil" not in response.text


def test_a_forwarded_host_is_never_believed(world: World) -> None:
    client, claims = (
        world.browser(None),
        {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
    )
    for rule in routes(world.app, "GET"):
        response = client.get(world.addresses(rule)[0], headers=claims)
        assert "evil.example" not in response.text + response.headers.get("Location", "")


def test_a_method_that_a_route_does_not_take_is_refused_with_those_it_does(world: World) -> None:
    client, before = world.browser("admin"), contents()
    adapter = world.app.url_map.bind("localhost")
    for rule in world.app.url_map.iter_rules():
        address = world.addresses(rule)[0]
        offered = set(adapter.allowed_methods(address))
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - offered:
            response = client.open(address, method=method)
            assert response.status_code == 405, f"{method} {rule}"
            assert set(response.headers["Allow"].split(", ")) == offered, f"{method} {rule}"
            assert broken(response.text) == []
    assert contents() == before


def test_a_form_beyond_64_kib_is_refused_with_a_sentence(world: World) -> None:
    client = world.browser("admin")
    data = {"csrf_token": token(client), "OVR1": "4", "reason": "x" * (LARGEST_REQUEST + 1)}
    before = contents()
    for rule in routes(world.app, "POST"):
        if rule.endpoint in WITH_A_FILE | WITH_A_LONG_TEXT:
            continue
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            response = client.post(world.addresses(rule)[0], data=data, content_type=kind)
            assert response.status_code == 413, f"{rule} {kind}: {response.status}"
            assert "64 KiB" in response.text
    assert contents() == before


@pytest.mark.parametrize("body", [b"[" * 3000, b"[1]", b"{", b'{"email": 1, "csrf_token": []}'])
def test_json_is_read_by_no_page_whatever_it_holds(world: World, body: bytes) -> None:
    client = world.browser("admin")
    sent: dict[str, object] = {
        "data": body,
        "content_type": "application/json",
        "headers": {"X-CSRFToken": token(client)},
    }
    before = contents()
    for rule in routes(world.app, "POST"):
        assert client.post(world.addresses(rule)[0], **sent).status_code == 415, rule
    for stranger in (client, world.browser(None)):
        assert stranger.delete("/account", **sent).status_code == 405
        assert stranger.put("/no-such-page", **sent).status_code == 404
    assert contents() == before


def test_what_does_not_exist_and_what_is_closed_say_the_same(world: World) -> None:
    client = world.browser("viewer")
    missing, closed = client.get("/no-such-page"), client.get("/users")
    assert (missing.status_code, closed.status_code) == (404, 403)
    assert missing.data == closed.data


def test_alive_and_ready_by_any_name(app: Flask) -> None:
    client = browser(app)
    for host in ("localhost", "10.0.0.7:8000", "evil.example"):
        assert client.get("/healthz", headers={"Host": host}).json == {"status": "alive"}
        ready = client.get("/readyz", headers={"Host": host}).json
        assert {key: ready[key] for key in ("status", "database", "migrations")} == {
            "status": "ready",
            "database": "answers",
            "migrations": "current",
        }
    db.session.execute(text("DROP TABLE alembic_version"))
    db.session.commit()
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (
        503,
        {"status": "not ready", "migrations": "the tables are of another version"},
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", {"migrations": "the tables are of another version"}),
        (b"rubbish" * 99, {"database": "does not answer"}),
    ],
)
def test_an_empty_or_a_broken_database_is_not_ready(
    tmp_path: Path, content: bytes, says: dict[str, str]
) -> None:
    (tmp_path / "candour.db").write_bytes(content)
    app = create_app(settings(f"sqlite:///{tmp_path / 'candour.db'}", tmp_path))
    response = browser(app).get("/readyz")
    assert (response.status_code, response.json) == (503, {"status": "not ready", **says})
    assert browser(app).get("/healthz").status_code == 200
    with app.app_context():
        db.engine.dispose()

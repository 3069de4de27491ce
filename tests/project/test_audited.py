"""Whatever changes something, or takes something out, leaves its entry in the audit log.

Every form and every command is walked; those that leave none stand here with the reason. What an
employee does is never recorded (OWASP ASVS 5.0, 16.2.1: a documented exception).
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.accounts import make_sign_in_link
from survey.access.service.audit import list_entries, log_head, verify_chain
from survey.database import db
from survey.findings.service.sharing import sharing_recipients
from survey.invitations.service.corrections import correct_invited_address, list_proposals
from survey.kernel.clock import now
from survey.people.service.directory import list_people, person_at
from survey.providers.service import find_provider
from survey.vault.keys.service.safe_keeping import export_key
from survey.waves import service as waves
from survey.waves.rules.waves import to_wall_clock
from tests.cast import READER, Company, answer_all, close_company, open_company, under_review
from tests.counting.test_ceremony import strict_company
from tests.outside import Browser, Candour, Said, browser, command_line, hidden_fields
from tests.project.test_commands import COMMANDS
from tests.representative import Representative, representative
from tests.vault.test_safe_keeping import Pipe

ROOT = Path(__file__).parents[2]
PASSPHRASE = "seven maroon kettles drift"
RESPONDENT = "what an employee does is never recorded"
ONLY_SHOWS = "changes nothing and takes nothing out"
# By endpoint: the entry that a form leaves, or why it leaves none.
FORMS = {
    "access.password": "password changed",
    "access.sign_out_everywhere": "sessions ended",
    "access.use": "signed in by link",
    "access.users": "user added",
    "accountability.reply": "reply recorded",
    "comments.comments": "comment reviewed",
    "console.confirm_copies": "key copies destroyed",
    "counting.close_by_hand": "wave closed",
    "counting.count": "wave counted",
    "counting.sealed": "ballots handed over",
    "findings.share_page": "findings shared",
    "followups.write": "follow-up draft saved",
    "invitations.correct_address": "address corrected",
    "invitations.decide": "address correction refused",
    "launching.open_by_hand": "wave opened",
    "launching.surveys": "survey planned",
    "organisation.organisation": "organisation set",
    "people.confirm": "people imported",
    "people.remove_person": "person removed",
    "providers.list_providers": "provider added",
    "providers.remove_contact": "provider contact removed",
    "security.login": "signed in",
    "vault.cokey": "co-key registered",
    "vault.end_cokey": "co-key ended",
    "wave_mail.cancel": "waiting mail cancelled",
    "wave_mail.pause": "mail of a wave paused",
    "wave_mail.pause_channel": "mail paused",
    "wave_mail.resume": "mail of a wave resumed",
    "wave_mail.resume_channel": "mail resumed",
    "wave_mail.retry": "mail queued again",
    "waves.change_survey": "survey paused",
    "waves.list_holidays": "holidays listed",
    "waves.name_readers": "reviewer replaced",
    "waves.remove_holiday": "holidays removed",
    "waves.skip_wave": "wave skipped",
}
DOWNLOADS = {"findings.csv": "findings exported"}
WITHOUT_FORM = {
    "access.know_browser": "makes one's own browser known; signs nobody in",
    "answering.answer": RESPONDENT,
    "answering.confirm_stop": RESPONDENT,
    "answering.one_click": RESPONDENT,
    "answering.take_up_again": RESPONDENT,
    "people.faults": "gives back rows of the file that was just uploaded",
    "people.missing": ONLY_SHOWS,
    "people.preview": ONLY_SHOWS,
    "security.logout": "ends nothing but one's own session",
}
# By command: the entry that it leaves, or why it leaves none.
TYPED = {
    "audit export": "audit log exported",
    "audit record-restore": "database restored",
    "ceremony export": "ballots handed over",
    "ceremony import": "wave counted",
    "cokey end": "co-key ended",
    "cokey register": "co-key registered",
    "findings share": "findings shared",
    "findings show": "findings exported",
    "followups reply": "reply recorded",
    "followups send": "follow-up sent",
    "followups write": "follow-up draft saved",
    "keys confirm-destroyed": "key copies destroyed",
    "keys export": "key exported",
    "keys import": "key imported",
    "mail pause": "mail paused",
    "mail resume": "mail resumed",
    "mail retry": "mail queued again",
    "organisation holidays add": "holidays listed",
    "organisation holidays import": "holidays listed",
    "organisation holidays remove": "holidays removed",
    "organisation set": "organisation set",
    "people confirm": "address corrected",
    "people correct": "address corrected",
    "people erase": "person erased",
    "people export": "person exported",
    "people import": "people imported",
    "people refuse": "address correction refused",
    "people remove": "person removed",
    "providers add": "provider added",
    "providers remove-contact": "provider contact removed",
    "questionnaires import": "questionnaire saved",
    "responses import": "history imported",
    "surveys add": "survey planned",
    "surveys end": "survey ended",
    "surveys pause": "survey paused",
    "surveys resume": "survey resumed",
    "targets set": "target set",
    "users add": "user added",
    "users remove": "user removed",
    "users role": "role changed",
    "waves close": "wave closed",
    "waves extend": "wave extended",
    "waves open": "wave opened",
    "waves plan": "wave planned",
    "waves readers": "reviewer replaced",
    "waves skip": "wave skipped",
    "waves void": "wave void",
}
OFFLINE = "runs at the representative's, without the database"
WITHOUT_COMMAND = {
    "backup": "`backup made`: tests/copies",
    "restore": "`database restored`: tests/backup",
    "cokey make": OFFLINE,
    "cokey open": OFFLINE,
    "init": "makes the tables that the log is one of",
    "mail bounces": "what a mail server says of an employee's mailbox",
    "mail test": "one mail to an address that is typed; changes nothing",
    "serve": "what it does is recorded where it is done",
    "tick": "what it does is recorded where it is done",
    "worker": "what it does is recorded where it is done",
    **dict.fromkeys(
        (
            "audit verify",
            "cokey list",
            "doctor",
            "followups list",
            "followups preview",
            "mail status",
            "organisation holidays list",
            "organisation show",
            "people list",
            "people proposals",
            "providers list",
            "questionnaires export",
            "questionnaires list",
            "questionnaires show",
            "surveys list",
            "targets list",
            "users list",
            "waves list",
            "waves status",
        ),
        ONLY_SHOWS,
    ),
}


def recorded_in_source() -> set[str]:
    """The names of all entries that the program can record."""
    found: set[str] = set()
    for path in (ROOT / "survey").rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and called(node) in {"record", "log"}:
                found |= {
                    part.value if isinstance(part, ast.Constant) else constants.get(part.id)
                    for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant | ast.Name)
                }
    return {name for name in found if isinstance(name, str)}


def called(node: ast.Call) -> str:
    """The name of the function that is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_every_form_has_its_entry_or_its_reason(app: Flask) -> None:
    posted = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert FORMS.keys() | WITHOUT_FORM.keys() == posted, "say which entry a new form leaves"
    assert not FORMS.keys() & WITHOUT_FORM.keys()


def test_every_command_has_its_entry_or_its_reason() -> None:
    assert TYPED.keys() | WITHOUT_COMMAND.keys() == set(COMMANDS), "say which entry it leaves"
    assert not TYPED.keys() & WITHOUT_COMMAND.keys()


def test_every_entry_that_can_be_recorded_is_explained() -> None:
    page = (ROOT / "docs" / "audit-log.md").read_text()
    listed = set(re.findall(r"`([a-z][a-z -]+)`", page.partition("## What is recorded")[2]))
    known = recorded_in_source()
    assert known - listed == set(), "give a new entry its place in docs/audit-log.md"
    assert {*FORMS.values(), *DOWNLOADS.values(), *TYPED.values()} <= listed


@dataclass
class Walk:
    """Tries things, and notes which entries each left."""

    left: dict[str, list[str]] = field(default_factory=dict)

    def note(self, name: str, deed: Callable[[], object]) -> None:
        """Does it, and notes under its name which entries came of it, by the log alone."""
        db.session.rollback()
        before = log_head().length
        deed()
        db.session.rollback()
        new = [entry.what for entry in list_entries(limit=None) if entry.number > before]
        self.left.setdefault(name, []).extend(reversed(new))

    def missing(self, expected: dict[str, str]) -> dict[str, object]:
        """What did not leave the entry that it should, with what it left instead."""
        return {
            name: self.left.get(name, "not tried")
            for name, entry in expected.items()
            if entry not in self.left.get(name, ())
        }


@dataclass
class Desk:
    """An administrator's browser, whose every form is noted."""

    app: Flask
    walk: Walk
    admin: Browser

    def press(self, address: str, fields: dict[str, object], page: str = "") -> None:
        """Fills in the form of a page and sends it to this address."""
        adapter = self.app.url_map.bind("localhost")
        endpoint, _ = adapter.match(address, method="POST")

        def deed() -> None:
            answer = self.admin.press(page or address, address, fields)
            assert answer.status_code in {200, 303}, (address, answer.status_code, answer.text)

        self.walk.note(endpoint, deed)


@pytest.fixture
def desk(app: Flask) -> Desk:
    return Desk(app, Walk(), browser(app, "admin"))


def upload(desk: Desk, content: bytes) -> dict[str, object]:
    """The hidden fields of the preview of a staff list."""
    page = desk.admin.press(
        "/people/import", "/people/import", {"file": (BytesIO(content), "staff.csv")}
    )
    return dict(hidden_fields(page))


def at_the_desk(desk: Desk) -> None:
    """What concerns no wave."""
    press = desk.press
    press("/users", {"email": "vera@northwind.example", "role": "viewer"})
    press(
        "/organisation",
        {
            "name": "Northwind Ltd",
            "contact_name": "Dana Reyes",
            "contact_email": "dana@northwind.example",
            "comments_read_by": "Head of operations",
            "first_reader": READER.email,
            "first_reader_name": "Mira Vance",
            "host": "northwind.example",
            "mail_domains": "northwind.example",
            "provider_runs_mail": "no",
        },
    )
    press("/organisation/holidays", {"day": "2027-04-12", "name": "Works outing"})
    press("/organisation/holidays/remove", {"day": "2027-04-12"}, page="/organisation/holidays")
    press(
        "/providers",
        {"name": "Third", "contact_name": "Tom", "contact_address": "tom@third.example"},
    )
    third = find_provider("Third")
    press(f"/providers/{third.slug}/contacts/{third.contacts[0].id}/remove", {})
    staff = b"email,name,department\nnew@northwind.example,New One,Sales\n"
    press("/people/import/confirm", upload(desk, staff), page="/people")
    press(f"/people/{person_at('new@northwind.example').id}/remove", {})
    press(f"/people/{list_people()[0].id}/address", {"email": "other@northwind.example"})
    press("/sending/pause", {})
    press("/sending/resume", {})


def propose_addresses() -> None:
    """Has one manager correct four addresses of people in open waves: two wait for a second one."""
    for number, person in enumerate(list_people()[5:9]):
        correct_invited_address(person.email, f"moved{number}@northwind.example", actor="a manager")
    assert len(list_proposals()) == 2


def with_surveys(desk: Desk) -> None:
    """A survey and waves that end before they are counted."""
    press = desk.press
    press(
        "/surveys",
        {
            "name": "Desk",
            "provider": "brightline-it",
            "questionnaire": "quarterly_8",
            "cadence": "quarterly",
            "opens": "2027-02-01T09:00",
            "days": "14",
            "timezone": "UTC",
            "audience": "all",
        },
    )
    press(f"/waves/{waves.list_waves('Desk')[0].slug}/skip", {"reason": "the office moves"})
    press("/surveys/desk/pause", {})
    slug = waves.list_waves("Noise")[0].slug
    press(f"/waves/{slug}/open", {})
    press(f"/waves/{slug}/mail/pause", {})
    press(f"/waves/{slug}/mail/resume", {})
    db.session.execute(
        text(
            "UPDATE outbox SET state = 'failed' WHERE id IN (SELECT min(id) FROM outbox WHERE"
            " kind = 'invitation' AND wave = :wave)"
        ),
        {"wave": slug},
    )
    db.session.commit()
    press(f"/waves/{slug}/mail/retry", {}, page=f"/waves/{slug}/progress")
    press(f"/waves/{slug}/mail/cancel", {})
    propose_addresses()
    press(f"/people/addresses/{list_proposals()[0].id}", {}, page="/people/addresses")
    press(f"/waves/{slug}/close", {"reason": "a flood"})


def with_findings(desk: Desk, company: Company) -> None:
    """What is done with the findings of a counted wave."""
    press, slug = desk.press, company.wave.slug
    press(f"/waves/{slug}/copies", {}, page=f"/waves/{slug}")
    comment = under_review(slug).questions[0].comments[0]
    reader = Desk(desk.app, desk.walk, browser(desk.app, "manager"))
    reader.press(f"/findings/{slug}/comments", {"comment": comment.id, "decision": "release"})
    named = {"first_reader": READER.email, "first_reader_name": "Mira", "reason": "as before"}
    press(f"/waves/{slug}/readers", named)
    _, contacts = sharing_recipients(waves.find_wave(slug))
    press(f"/findings/{slug}", {"contact": contacts[0].id})
    today = to_wall_clock(now(), company.wave.timezone).date()
    press(f"/findings/{slug}/reply", {"reply": "Agreed.", "received": today.isoformat()})
    press(f"/findings/{slug}/follow-up", {"opening": "Hello.", "changes": "We call sooner."})
    desk.walk.note("findings.csv", lambda: desk.admin.get(f"/findings/{slug}.csv"))


def with_accounts(desk: Desk) -> None:
    """Signing in and out, last, for it ends the session."""
    password = {"new_password": "maroon kettle drifts 7 lighthouses"}
    again = {"again": password["new_password"]}
    desk.press("/account/password", {**password, **again})
    desk.press("/account/sign-out-everywhere", {}, page="/account")
    link = make_sign_in_link("vera@northwind.example", desk.app.config["CANDOUR"])
    vera = browser(desk.app)
    token = {"token": link.partition("#")[2]}
    desk.walk.note("access.use", lambda: vera.post("/sign-in/link", data=token))
    typed = {"email": "admin@northwind.example", "password": password["new_password"]}
    desk.walk.note("security.login", lambda: browser(desk.app).press("/sign-in", "/sign-in", typed))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_form_leaves_its_entry(app: Flask, desk: Desk, tmp_path: Path) -> None:
    company = open_company(app)
    key_dir = company.config.key_dir
    export_key(company.wave.slug, tmp_path / "spare", PASSPHRASE, key_dir, actor="test")
    answer_all(company, company.codes[:42], comment="slow ")
    close_company(company)
    at_the_desk(desk)
    with_surveys(desk)
    with_findings(desk, company)
    with_accounts(desk)
    elsewhere = {"counting.sealed", "counting.count", "vault.cokey", "vault.end_cokey"}
    expected = {name: entry for name, entry in FORMS.items() if name not in elsewhere}
    assert desk.walk.missing({**expected, **DOWNLOADS}) == {}
    assert verify_chain() is None


@pytest.fixture
def rosa() -> Representative:
    return representative("Rosa Marin")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_form_of_the_strict_tier_leaves_its_entry(
    app: Flask, desk: Desk, rosa: Representative
) -> None:
    company = strict_company(app, rosa, answers=20)
    address = f"/waves/{company.wave.slug}/ceremony"
    sealed = desk.admin.press(address, f"{address}/sealed", {}).data
    back = rosa.opens(sealed, company.wave.closes_at)
    desk.press(f"{address}/sealed", {}, page=address)
    desk.press(address, {"file": (BytesIO(back), "back")})
    ines = representative("Ines Falk")
    desk.press("/organisation/cokey", {"name": "Ines Falk", "public": ines.text})
    desk.press("/organisation/cokey/end", {"name": "Ines Falk"}, page="/organisation/cokey")
    names = ("counting.sealed", "counting.count", "vault.cokey", "vault.end_cokey")
    assert desk.walk.missing({name: FORMS[name] for name in names}) == {}


@dataclass
class Keyboard:
    """The command line, whose every command is noted."""

    walk: Walk
    candour: Candour

    def type(self, name: str, *arguments: object) -> Said:
        """Types a command, which must succeed."""
        said: list[Said] = []
        self.walk.note(name, lambda: said.append(self.candour(*name.split(), *arguments)))
        assert said[0].code == 0, (name, said[0])
        return said[0]


@pytest.fixture
def keyboard(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Keyboard:
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    return Keyboard(Walk(), candour)


def type_what_concerns_no_wave(keyboard: Keyboard, folder: Path) -> None:
    typed = keyboard.type
    typed("users add", "vera@northwind.example", "--role", "viewer")
    typed("users role", "vera@northwind.example", "manager")
    typed("users remove", "vera@northwind.example")
    facts = ("--contact", "Dana <dana@northwind.example>", "--comments-read-by", "Head")
    typed("organisation set", "Northwind Ltd", *facts, "--host", "northwind.example")
    typed("organisation holidays add", "2027-04-12", "Works outing")
    typed("organisation holidays remove", "2027-04-12")
    (folder / "days.csv").write_text("2027-04-13,Fair\n")
    typed("organisation holidays import", folder / "days.csv")
    typed("providers add", "Third", "--contact", "Tom <tom@third.example>")
    typed("providers remove-contact", "Third", "tom@third.example")
    (folder / "staff.csv").write_text(
        "email,name,department\none@northwind.example,One,Sales\ntwo@northwind.example,Two,Sales\n"
    )
    typed("people import", folder / "staff.csv")
    typed("people correct", "one@northwind.example", "won@northwind.example")
    typed("people export", "won@northwind.example")
    typed("people remove", "won@northwind.example")
    typed("people erase", "two@northwind.example")
    typed("mail pause")
    typed("mail resume")
    (folder / "mine.json").write_text(
        keyboard.candour("questionnaires", "export", "quarterly_8").out.replace(
            "quarterly_8", "mine"
        )
    )
    typed("questionnaires import", folder / "mine.json")


def type_what_concerns_plans(keyboard: Keyboard) -> None:
    typed = keyboard.type
    plan = ("--provider", "Brightline IT", "--opens", "2027-02-01T09:00")
    typed("surveys add", "Desk", *plan)
    typed("targets set", "Desk", "OVR1", "--target", "0.7")
    days = ("--opens", "2027-05-03T09:00", "--closes", "2027-05-10T17:00")
    typed("waves plan", "Desk", *days)
    typed("waves skip", waves.list_waves("Desk")[0].slug, "--reason", "the office moves")
    typed("surveys pause", "Desk")
    typed("surveys resume", "Desk")
    typed("surveys end", "Desk", "--yes")
    slug = waves.list_waves("Noise")[0].slug
    typed("waves open", slug)
    typed("waves extend", slug, "--days", "2")
    failed = "UPDATE outbox SET state = 'failed' WHERE kind = 'invitation' AND wave = :wave"
    db.session.execute(text(failed), {"wave": slug})
    db.session.commit()
    typed("mail retry", slug)
    propose_addresses()
    confirmed, refused = list_proposals()
    typed("people confirm", confirmed.person.email)
    typed("people refuse", refused.person.email)
    typed("waves void", slug, "--reason", "a flood")


def type_what_concerns_findings(keyboard: Keyboard, company: Company, folder: Path) -> None:
    typed, slug = keyboard.type, company.wave.slug
    typed("findings show", slug, "--json")
    typed("findings share", slug, "--to", "provider")
    (folder / "reply.txt").write_text("Agreed.")
    today = to_wall_clock(now(), company.wave.timezone).date()
    typed("followups reply", slug, "--file", folder / "reply.txt", "--received", today)
    (folder / "changes.txt").write_text("We call sooner.")
    typed("followups write", slug, "--changes", folder / "changes.txt")
    typed("followups send", slug)
    (folder / "answers.csv").write_text("group,OVR1\n" + "Sales,4\n" * 12)
    (folder / "groups.json").write_text('{"Sales": 20}')
    past = ("--survey", "IT support", "--opened", "2026-01-05", "--closed", "2026-01-19")
    groups = ("--groups", folder / "groups.json")
    typed("responses import", "past", folder / "answers.csv", *groups, *past)
    typed("waves readers", slug, READER.email, "--reason", "as before")
    typed("audit export", folder / "log.jsonl")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_command_leaves_its_entry(
    app: Flask, keyboard: Keyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_company(app)
    slug = company.wave.slug
    monkeypatch.setattr("sys.stdin", Pipe(BytesIO(f"{PASSPHRASE}\n".encode())))
    keyboard.type("keys export", slug, tmp_path / "spare", "--passphrase-stdin")
    (company.config.key_dir / f"{company.wave.id}.key").unlink()
    monkeypatch.setattr("sys.stdin", Pipe(BytesIO(f"{PASSPHRASE}\n".encode())))
    keyboard.type("keys import", slug, tmp_path / "spare", "--passphrase-stdin")
    answer_all(company, company.codes[:42], comment="slow ")
    keyboard.type("waves close", slug, "--early", "a flood")
    keyboard.type("keys confirm-destroyed", slug)
    type_what_concerns_no_wave(keyboard, tmp_path)
    type_what_concerns_plans(keyboard)
    type_what_concerns_findings(keyboard, company, tmp_path)
    elsewhere = {"audit record-restore", "ceremony export", "ceremony import"}
    elsewhere |= {"cokey register", "cokey end"}
    expected = {name: entry for name, entry in TYPED.items() if name not in elsewhere}
    assert keyboard.walk.missing(expected) == {}
    destroyed = list_entries(what="key destroyed")
    assert slug in [entry.facts["wave"] for entry in destroyed]
    assert verify_chain() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_command_of_the_strict_tier_leaves_its_entry(
    app: Flask, keyboard: Keyboard, rosa: Representative, tmp_path: Path
) -> None:
    company = strict_company(app, rosa, answers=20)
    slug = company.wave.slug
    keyboard.type("ceremony export", slug, tmp_path / "sealed")
    back = rosa.opens((tmp_path / "sealed").read_bytes(), company.wave.closes_at)
    (tmp_path / "back").write_bytes(back)
    keyboard.type("ceremony import", slug, tmp_path / "back")
    keyboard.type("cokey register", "Ines Falk", representative("Ines Falk").text)
    keyboard.type("cokey end", "Ines Falk")
    names = ("ceremony export", "ceremony import", "cokey register", "cokey end")
    assert keyboard.walk.missing({name: TYPED[name] for name in names}) == {}

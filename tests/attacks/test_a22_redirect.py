"""A22: a manager's web account alone redirects people's mail to mailboxes of its own, to learn who
has answered, to vote for the others, and to subtract those votes from a group's mean.

Everything is done through the pages of a manager, with a real mail server. The same attack runs in
two worlds in which others have answered; whatever the manager sees must be the same in both.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, chdir, contextmanager
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from itertools import zip_longest
from random import Random

import pytest
from flask import Flask
from sqlalchemy import text

from survey.app import create_app
from survey.database import db, transaction
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service import corrections
from survey.invitations.service.invitations import find_invitation, invitations_of
from survey.invitations.service.reminders import queue_reminders
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.smtp.service.sender import Connection
from survey.people.service.directory import list_people, people_at
from survey.responses.service.responses import number_of_ballots
from survey.waves.rules.waves import Wave
from tests.attacks.world import DEPARTMENTS, Ground, patched
from tests.cast import SCALES, found_company
from tests.conftest import QUICK, TEMPLATES, settings
from tests.mail.postbox import Postbox, open_postbox
from tests.outside import Browser, browser, hidden_fields
from tests.proofs import proof
from tests.representative import register, representative

OWN = "mallory+{number}@elsewhere.example"
NOISE = re.compile(r'name="csrf_token"[^>]*|[0-9a-f]{32}|\d\d:\d\d')
CODE = re.compile(r"#(\w{24})\b")
DIFFERENCES = "differences between who has answered and who has not"
Fault = Callable[[], AbstractContextManager[object]]


@dataclass
class World:
    """An open wave whose invitations have left through a real mail server."""

    app: Flask
    wave: Wave
    box: Postbox
    role: str
    answered: frozenset[str] = frozenset()
    seen: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)

    def look(self, visitor: Browser, *pages: str) -> None:
        """Keeps what these pages show to somebody."""
        self.seen += [_steady(visitor.get(page).text) for page in pages]

    @property
    def codes(self) -> dict[str, str]:
        """The newest code that came to each mailbox."""
        found = {}
        for letter in self.box.letters():
            body = letter.get_body(("plain",))
            code = CODE.search(body.get_content()) if body else None
            if code:
                found[_address(str(letter["To"]))] = code[1]
        return found

    def deliver(self) -> None:
        assert mail.deliver_letters(channel=Connection(self.box.url)).problem == ""

    def votes(self, code: str) -> bool:
        """Whether somebody who sends the form with this code is counted."""
        form = {"token": code, **dict.fromkeys(SCALES, "1")}
        return browser(self.app).post(f"/s/{self.wave.slug}", data=form).status_code == 303


@contextmanager
def opened(ground: Ground, database: str, n: int, *, strict: bool, role: str) -> Iterator[World]:
    """A fresh world: n of some more people will answer."""
    url, folder = ground.fresh(database)
    with chdir(folder), open_postbox() as box, ExitStack() as stack:
        config = replace(settings(url, folder), mail_url=box.url)
        app = create_app(config)
        app.jinja_env.bytecode_cache = TEMPLATES
        app.extensions["security"].pwd_context.update(**QUICK)
        stack.enter_context(app.app_context())
        stack.callback(db.engine.dispose)
        stack.callback(db.session.remove)
        first = found_company(DEPARTMENTS[n])
        if strict:
            register(representative("Rosa Winter"))
        wave = open_wave(first.slug, now(), config.key_dir, actor="test")
        world = World(app, wave, box, role)
        world.deliver()
        assert len(box.kept) == wave.invited
        yield world


def attack(world: World, *, n: int, first_answers: bool, late: bool) -> None:
    """A manager corrects everybody's address, and looks at everything.

    Of two people, in the order in which the manager goes through the list the first ones, only the
    first has answered in one world, only the second in the other. Where `late` says so, the
    invitations to both of them seem to have come back.
    """
    everybody = sorted(person.email for person in list_people())
    first, second, *others = everybody
    others = Random(n + first_answers).sample(others, n - 1)
    answered = {first if first_answers else second, *others}
    own_codes = world.codes
    assert all(world.votes(own_codes[email]) for email in answered)
    for email in (first, second) if late else ():
        _come_back(world.wave, email)
    mallory = browser(world.app, world.role)
    for number, email in enumerate(everybody):
        _correct(world, mallory, email, OWN.format(number=number))
    for proposal in corrections.list_proposals():
        address = f"/people/addresses/{proposal.id}"
        said = mallory.press("/people/addresses", address, {"decision": "confirm"})
        assert said.status_code in {303, 400}
    world.deliver()
    world.look(mallory, "/", "/people/addresses", f"/waves/{world.wave.slug}/progress")
    with transaction() as session:  # two days later
        session.execute(text("UPDATE outbox SET sent_at = NULL"))
    queue_reminders(world.wave, reminder_window(world.wave)[0])
    world.deliver()
    world.look(mallory, "/", f"/waves/{world.wave.slug}/progress")
    came = [f"{letter['To']}: {letter['Subject']}" for letter in world.box.letters()]
    world.seen += sorted(each for each in came if "elsewhere.example" in each)
    here = {person.email for person in list_people()}
    world.corrected = [email for email in everybody if email not in here]


def _correct(world: World, mallory: Browser, email: str, new: str) -> None:
    """Corrects one address on the page, and keeps what that page and the next one say."""
    [person] = people_at([email])
    page = f"/people/{person.id}/address"
    form = mallory.get(page)
    reply = mallory.post(page, data={**hidden_fields(form), "email": new})
    assert reply.status_code == 303
    world.seen += [_steady(form.text), _steady(mallory.get(reply.location).text)]


def _steady(page: str) -> str:
    """A page without what is new with every world and every look."""
    return NOISE.sub("", page)


def _come_back(wave: Wave, email: str) -> None:
    """The invitation to somebody seems to come back, days after it was delivered."""
    ids = {person.email: invitation.id for invitation, person in invitations_of(wave.id)}
    query = text(
        "UPDATE outbox SET state = 'bounced', last_code = '550 5.1.1' WHERE kind = 'invitation'"
        " AND recipient = :id"
    )
    with transaction() as session:
        session.execute(query, {"id": ids[email]})


def _address(to: str) -> str:
    return to.rpartition("<")[2].rstrip(">")


def _is_own(to: object) -> bool:
    return _address(str(to)).endswith("elsewhere.example")


def evidence(world: World, n: int, *, late: bool) -> dict[str, int]:
    """How often each promise was broken in one world; all numbers are 0 where none was."""
    own = {address: code for address, code in world.codes.items() if _is_own(address)}
    told = {
        _address(str(letter["To"]))
        for letter in world.box.letters()
        if "staff list" in str(letter["Subject"])
    }
    forged = number_of_ballots(world.wave.id) - n
    votes = sum(world.votes(code) for code in own.values())
    theirs = [code for address, code in world.codes.items() if not _is_own(address)]
    answer_themselves = sum(world.votes(code) for code in theirs)
    alone = corrections.most_corrected_alone(world.wave.invited)
    return {
        "ballots that nobody sent": forged,
        # Of what came back nobody holds the code, so one goes to the new address: to both people.
        "mailboxes that got a code": max(0, len(own) - 2 * late),
        "votes in place of others": max(0, votes - late),
        "people shut out": world.wave.invited - n - votes - answer_themselves,
        "old addresses not told": len(set(world.corrected) - told),
        "addresses changed by one manager alone": max(0, len(world.corrected) - alone)
        * (world.role == "manager"),
    }


def broken(
    ground: Ground, database: str, n: int, *, strict: bool, role: str, late: bool
) -> dict[str, int]:
    """The promises that broke, and how often: in two worlds, and by comparing them."""
    found: dict[str, int] = {}
    seen: list[list[str]] = []
    for first_answers in (True, False):
        with opened(ground, database, n, strict=strict, role=role) as world:
            attack(world, n=n, first_answers=first_answers, late=late)
            seen.append(world.seen)
            for name, number in evidence(world, n, late=late).items():
                found[name] = found.get(name, 0) + number
    for first, second in zip_longest(*seen, fillvalue=""):
        if first != second:
            found[DIFFERENCES] = found.get(DIFFERENCES, 0) + 1
            print(*unified_diff(first.splitlines(), second.splitlines(), n=0), sep="\n")
    return {name: number for name, number in found.items() if number}


CASES = [
    pytest.param(12, False, "manager", True, id="manager"),
    pytest.param(12, False, "admin", True, id="administrator"),
    pytest.param(12, True, "manager", True, id="strict"),
    *(
        pytest.param(n, strict, role, late, marks=proof("attacks"))
        for n, late in ((12, False), (60, True))
        for strict in (False, True)
        for role in ("manager", "admin")
    ),
]


@pytest.mark.parametrize(("n", "strict", "role", "late"), CASES)
def test_redirected_mail_tells_nothing_and_gives_no_vote(
    ground: Ground, database: str, n: int, *, strict: bool, role: str, late: bool
) -> None:
    assert broken(ground, database, n, strict=strict, role=role, late=late) == {}


@contextmanager
def fresh_code_for_the_silent() -> Iterator[None]:
    """What the product did: a code to the new address of whoever has not answered."""

    def invite_at(each: corrections.InvitedTo, address: str) -> None:
        real(each, address)
        invitation = find_invitation(each.invitation_id)
        if invitation and not invitation.answered:
            mail.queue_letters(
                corrections.INVITATION, each.wave.slug, [each.invitation_id], number=2
            )

    real = corrections._invite_at
    with (
        patched(corrections, "_counts_now", lambda _each, _address: True),
        patched(corrections, "_invite_at", invite_at),
    ):
        yield


@contextmanager
def old_address_not_told() -> Iterator[None]:
    """Nobody hears that their address was changed."""
    with patched(corrections, "queue_address_notice", lambda _person, _old: None):
        yield


@contextmanager
def one_manager_is_enough() -> Iterator[None]:
    """Whoever proposes an address may confirm it."""
    real = corrections.confirm_proposal

    def confirm(proposal_id: str, **given: object) -> object:
        return real(proposal_id, actor=str(given["actor"]), is_administrator=True)

    with patched(corrections, "confirm_proposal", confirm):
        yield


FAULTS: Mapping[str, tuple[Fault, str, str]] = {
    "a fresh code for whoever has not answered": (
        fresh_code_for_the_silent,
        "admin",
        DIFFERENCES,
    ),
    "the old address is not told": (old_address_not_told, "manager", "old addresses not told"),
    "one manager is enough": (
        one_manager_is_enough,
        "manager",
        "addresses changed by one manager alone",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_redirection_that_tells_or_votes_is_caught(
    ground: Ground, database: str, fault: str
) -> None:
    seed, role, found = FAULTS[fault]
    with seed():
        assert found in broken(ground, database, 12, strict=False, role=role, late=False)

"""A23: somebody loses their right to answer, or gets a second one, by changes of the staff list.

Removed and added again, left out by a file that was cut off, made two people of or one of two, put
into a department of another name: while a wave is open.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import insert, text

from survey.access.service import audit
from survey.app import create_app
from survey.database import connection, db
from survey.invitations.service import rights
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.personal_data import erase_personal_data
from survey.invitations.tables import InvitationRow
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher
from survey.people.rules.staff_list import Person
from survey.people.service.directory import import_people, list_people, remove_person
from survey.responses.service.responses import number_of_ballots
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.attacks.world import DEPARTMENTS, Ground, patched
from tests.cast import SCALES, found_company, replace_staff_list, staff_csv
from tests.conftest import settings
from tests.outside import browser
from tests.proofs import sizes

CODE = re.compile(r"#(\w{24})\b")
RECORDED = ("address corrected", "people imported", "person erased", "person removed")
Fault = Callable[[], AbstractContextManager[object]]


@dataclass
class World:
    """An open wave: the code that came to each address, and its staff list."""

    app: Flask
    wave: Wave
    staff: bytes
    codes: Mapping[str, str]
    answered: tuple[str, ...]

    def votes(self, email: str) -> bool:
        """Whether the person whose code came to this address is counted now."""
        form = {"token": self.codes[email], **dict.fromkeys(SCALES, "4")}
        return browser(self.app).post(f"/s/{self.wave.slug}", data=form).status_code == 303


@contextmanager
def opened(ground: Ground, database: str, n: int) -> Iterator[World]:
    """A fresh world in which every third person has answered."""
    url, folder = ground.fresh(database)
    with chdir(folder), ExitStack() as stack:
        config = settings(url, folder)
        app = create_app(config)
        stack.enter_context(app.app_context())
        stack.callback(db.engine.dispose)
        stack.callback(db.session.remove)
        wave = open_wave(found_company(DEPARTMENTS[n]).slug, now(), config.key_dir, actor="test")
        catcher = Catcher(folder / "invitations")
        assert mail.deliver_letters(channel=catcher).problem == ""
        codes = {
            letter.to.rpartition("<")[2].rstrip(">"): CODE.findall(letter.text)[0]
            for letter in catcher.letters()
        }
        everybody = sorted(codes)
        assert len(everybody) == wave.invited
        world = World(app, wave, staff_csv(DEPARTMENTS[n]), codes, tuple(everybody[::3]))
        assert all(world.votes(email) for email in world.answered)
        yield world


def cut_off(world: World) -> None:
    """A file that ends after three people, with all others to be removed; then the whole one."""
    replace_staff_list(b"\n".join(world.staff.splitlines()[:4]))
    import_people(world.staff)


def attack(world: World) -> None:
    """Everything that a staff list may go through, to people who have answered and who have not."""
    everybody = sorted(world.codes)
    renamed = world.staff.replace(b",Sales", b",Selling")
    cut_off(world)
    for email in everybody[:4]:
        remove_person(email)
    import_people(renamed)
    for email in everybody[2:6]:
        erase_personal_data(email)
    import_people(renamed.replace(b"@northwind.example", b"@NorthWind.Example"))
    for number, email in enumerate(everybody[:6]):
        correct_invited_address(email, f"other{number}@northwind.example")
    import_people(renamed)  # the old addresses once more: two rows for each of these people
    for number in range(3):
        remove_person(f"other{number}@northwind.example")
    for email in everybody[3:6]:
        remove_person(email)
    for one, other in zip(everybody[6:8], everybody[8:10], strict=True):
        with suppress(Refused):  # one of two people
            correct_invited_address(one, other)
        remove_person(one)
        correct_invited_address(other, one)  # the address of somebody who has left
        correct_invited_address(one, other)
    import_people(renamed)


def evidence(world: World) -> dict[str, int]:
    """How often each promise was broken; all numbers are 0 where none was."""
    logged = set(audit.recorded_actions())
    rows = db.session.execute(
        text("SELECT group_name, count(*) FROM invitation WHERE wave_id = :wave GROUP BY 1"),
        {"wave": world.wave.id},
    )
    sizes_of_groups = dict(map(tuple, rows))
    groups = {group.name: group.invited for group in world.wave.groups}
    before = number_of_ballots(world.wave.id)
    again = sum(world.votes(email) for email in world.answered)
    shut_out = sum(not world.votes(email) for email in set(world.codes) - set(world.answered))
    sent = Catcher(world.app.config["CANDOUR"].folder / "later")
    mail.deliver_letters(channel=sent)
    more = [CODE.findall(letter.text) for letter in sent.letters()]
    for code in [codes[0] for codes in more if codes]:
        form = {"token": code, "OVR1": "1"}
        browser(world.app).post(f"/s/{world.wave.slug}", data=form)
    return {
        "people shut out": shut_out,
        "second answers": again + number_of_ballots(world.wave.id) - world.wave.invited + shut_out,
        "changes of the number invited": abs(
            waves.find_wave(world.wave.slug).invited - world.wave.invited
        ),
        "changes of groups": int(sizes_of_groups != groups),
        "ballots without an answer": before - len(world.answered),
        "changes that are not recorded": len(set(RECORDED) - logged),
    }


def broken(ground: Ground, database: str, n: int) -> dict[str, int]:
    """The promises that broke, and how often."""
    with opened(ground, database, n) as world:
        attack(world)
        assert len(list_people()) >= world.wave.invited
        return {name: number for name, number in evidence(world).items() if number}


@pytest.mark.parametrize("n", sizes("attacks", 12, 60))
def test_whatever_happens_to_the_staff_list_everybody_keeps_one_right(
    ground: Ground, database: str, n: int
) -> None:
    assert broken(ground, database, n) == {}


@contextmanager
def right_lost() -> Iterator[None]:
    """What the product did: whoever comes back is somebody new, who was not invited."""
    with patched(rights, "_take_up", lambda _wave, _people: None):
        yield


@contextmanager
def right_doubled() -> Iterator[None]:
    """Whoever is added while a wave is open gets an invitation of their own."""
    real = rights._take_up

    def take_up(wave: Wave, people: tuple[Person, ...]) -> None:
        real(wave, people)
        invited = rights._invited_among(wave, [person.id for person in people])
        for person in people:
            if person.id not in invited:
                row = {
                    "id": random_id(),
                    "wave_id": wave.id,
                    "person_id": person.id,
                    "group_name": wave.groups[0].name,
                    "answered": 0,
                    "sent_to": person.email,
                }
                connection().execute(insert(InvitationRow), [row])
                mail.queue_letters("invitation", wave.slug, [str(row["id"])])

    with patched(rights, "_take_up", take_up):
        yield


FAULTS: Mapping[str, tuple[Fault, str]] = {
    "the right is lost": (right_lost, "people shut out"),
    "a second right": (right_doubled, "second answers"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_right_that_is_lost_or_doubled_is_caught(
    ground: Ground, database: str, fault: str
) -> None:
    seed, found = FAULTS[fault]
    with seed():
        assert found in broken(ground, database, 12)

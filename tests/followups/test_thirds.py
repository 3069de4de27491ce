"""The follow-up mail of a quarter that was asked in thirds: to everybody in them, each once."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask

from survey.findings.service.sharing import share_findings, sharing_recipients
from survey.followups.service import follow_ups
from survey.followups.service.follow_ups import FOLLOW_UP, send_follow_up
from survey.mail import service as mail
from survey.mail.smtp.service.sender import Connection, Limits
from survey.people.service.directory import list_people, person_at
from survey.people.service.stopping import has_stopped
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.findings.quarter import THIRDS, counted_quarter, planned_thirds
from tests.followups.company import ACTOR
from tests.mail.postbox import open_postbox
from tests.outside import browser
from tests.proofs import on_postgresql


@pytest.fixture
def pool(app: Flask) -> Wave:
    planned_thirds()
    quarter = counted_quarter(app).pool
    share_findings(
        quarter.slug,
        [contact.id for contact in sharing_recipients(quarter)[1]],
        quarter.closes_at,
        actor=ACTOR,
    )
    for wave in waves.list_waves():
        mail.cancel_letters(wave.slug)
    return waves.find_wave(quarter.slug)


@on_postgresql("databases")
def test_everybody_in_its_thirds_gets_it_once_and_can_stop(app: Flask, pool: Wave) -> None:
    assert len(follow_ups.follow_up_readers(pool)) == len(list_people()) == 61
    late = pool.closes_at + timedelta(days=30)
    send_follow_up(pool.slug, late, actor=ACTOR)
    with open_postbox() as box:
        assert (
            mail.deliver_letters(
                seconds=60, channel=Connection(box.url, None, Limits(5.0, 10.0))
            ).sent
            == 61
        )
        letters = box.letters()
    assert Counter(str(letter["To"].addresses[0].addr_spec) for letter in letters) == Counter(
        one.email for one in list_people()
    )
    assert mail.delivery_status(pool.slug).counts(FOLLOW_UP) == {"sent": 61}
    part = letters[0].get_body(("plain",))
    assert part
    path, secret = re.findall(r"(/stop/[^\s#]+)#(\S{43})", str(part.get_content()))[0]
    assert path == f"/stop/{pool.slug}"
    outside = browser(app)
    assert outside.get(path).status_code == 200
    assert outside.post(path, data={"token": secret}).status_code == 200
    assert has_stopped(person_at(str(letters[0]["To"].addresses[0].addr_spec)).id)


@on_postgresql("databases")
def test_the_next_wave_is_the_first_third_of_the_next_quarter(pool: Wave) -> None:
    following = follow_ups.preview_follow_up(pool.slug, pool.closes_at).document["following"]
    assert following["wave"] == next(
        wave.slug for wave in waves.list_waves(THIRDS) if wave.state == "planned"
    )

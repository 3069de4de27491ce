"""A16: while a wave is open, no page and no command depends on what was answered; only the number
of answers, in steps of k.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import log_head
from survey.answering.service import SubmissionOutcome, submit_answers
from survey.console import commands
from survey.console.views import waves as wave_pages
from survey.database import db, transaction
from survey.invitations.service.invitations import number_answered
from survey.kernel.clock import now
from survey.responses.service.responses import open_ballots
from survey.vault.keys.service import key_files
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState
from tests.attacks.world import patched
from tests.cast import SCALES, form
from tests.outside import Candour, browser, command_line
from tests.project.test_routes import AS, CANARY, World, build_world, routes
from tests.proofs import sizes

WHAT = (
    "Watching every page and every command while the survey "
    "is open, for anything that depends on the answers."
)

_TOKEN = re.compile(rb'name="csrf_token"[^>]*value="[^"]*"')
_OPEN = 1  # the open wave's place among the samples
# Looking at these is an entry in the audit log, which is looked at before.
LOGGED = {"comments.comments", "findings.csv"}
Seen = Mapping[str, tuple[int, bytes, tuple[tuple[str, str], ...]]]


class Watcher:
    """People of these roles who look at everything while a wave is open."""

    def __init__(self, world: World, candour: Candour, roles: Sequence[str | None]) -> None:
        self.world, self.candour = world, candour
        self.wave = waves.find_wave(world.samples["wave"][_OPEN])
        self.browsers = {role: browser(world.app, role) for role in roles}
        self.log_length = log_head().length

    def sees(self) -> Seen:
        """Every address of every route, opened by everybody, and what the commands print."""
        found = {}
        for rule in sorted(routes(self.world.app, "GET"), key=lambda rule: rule.endpoint in LOGGED):
            for address in self.world.addresses(rule):
                for role, client in self.browsers.items():
                    page = client.get(address)
                    headers = tuple(
                        (name, value)
                        for name, value in page.headers
                        if name not in {"Set-Cookie", "Date", "Content-Length"}
                    )
                    found[f"{address} as {role}"] = (page.status_code, steady(page.data), headers)
        for command in (
            ("waves", "status", self.wave.slug, "--json"),
            ("waves", "status", self.wave.slug),
            ("waves", "list"),
        ):
            said = self.candour(*command)
            found[" ".join(command)] = (said.code, (said.out + said.err).encode(), ())
        return found

    def answered(self, people: range, score: str, comment: str) -> Seen:
        """What is seen when exactly these people have answered, all alike."""
        with transaction() as session:
            session.execute(text("DELETE FROM ballot"))
            session.execute(
                text("DELETE FROM audit_entry WHERE number > :length"), {"length": self.log_length}
            )
            session.execute(
                text("UPDATE invitation SET answered = 0 WHERE wave_id = :wave"),
                {"wave": self.wave.id},
            )
        answers = dict.fromkeys(SCALES, score) | {"OPN1": comment}
        for person in people:
            assert (
                submit_answers(self.wave, form(self.world.codes[person], answers), now()).outcome
                is SubmissionOutcome.SENT
            )
        return self.sees()


def steady(page: bytes) -> bytes:
    """A page without what is new with every look.

    A form's token, and the comments of the counted wave, which stand in random order.
    """
    return _TOKEN.sub(b"", page) if CANARY.encode() not in page else b"comments of the counted wave"


def differing(first: Seen, second: Seen) -> list[str]:
    """Where two looks at everything differ."""
    assert first.keys() == second.keys()
    return [place for place in first if first[place] != second[place]]


@pytest.fixture(params=sizes("attacks", ("manager",), AS))
def watcher(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Watcher:
    """An open wave beside a counted, a planned and a void one, at one time of the clock."""
    world = build_world(app, with_mail=True)
    moment = now()
    for module in (wave_pages, commands):
        monkeypatch.setattr(module, "now", lambda: moment)
    return Watcher(
        world, command_line(app, database_url, tmp_path, monkeypatch, capsys), request.param
    )


def test_nothing_that_is_shown_depends_on_what_was_answered_or_by_whom(watcher: Watcher) -> None:
    steps = [
        watcher.answered(range(4), "5", "all is well"),
        watcher.answered(range(5), "5", "all is well"),
    ]
    other = watcher.answered(range(40, 45), "1", "nothing works, and much longer")
    fuller = watcher.answered(range(20, 29), "1", "nothing works")
    assert len(other) > 60 * len(watcher.browsers)
    assert differing(steps[1], other) == []
    assert differing(other, fuller) == [], "5 and 9 answers look alike"
    progress = [
        place
        for place in other
        if f"{watcher.wave.slug}/progress" in place or "waves status" in place
    ]
    assert set(differing(steps[0], other)) <= set(progress), (
        "only the progress of the wave tells of a step"
    )
    assert differing(steps[0], other)


@contextmanager
def live_mean(app: Flask) -> Iterator[None]:
    """The list of waves shows the mean so far."""

    def says(item: Wave) -> str:
        if item.state is not WaveState.OPEN:
            return ""
        found = [answers.scores["OVR1"] for _, answers in open_ballots(item.id, _key(item)).answers]
        return f"{sum(score or 0 for score in found) / max(1, len(found)):.2f}"

    def _key(item: Wave) -> bytes:
        return key_files.load_key(app.config["CANDOUR"].key_dir, item.id)

    with patched(wave_pages, "_state_in_words", says):
        yield


@contextmanager
def live_number(app: Flask) -> Iterator[None]:
    """The list of waves shows how many have answered, to the last one."""
    with patched(wave_pages, "_state_in_words", lambda item: str(number_answered(item.id))):
        yield


FAULTS: dict[str, Callable[[Flask], AbstractContextManager[None]]] = {
    "live mean": live_mean,
    "live number": live_number,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_live_result_is_caught(app: Flask, watcher: Watcher, fault: str) -> None:
    with FAULTS[fault](app):
        first = watcher.answered(range(5), "5", "well")
        second = watcher.answered(range(5) if fault == "live mean" else range(9), "1", "bad")
    assert differing(first, second)
    db.session.rollback()

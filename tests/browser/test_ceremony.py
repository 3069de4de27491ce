"""The ceremony in a real browser.

An administrator, an employee, a manager and a representative with a machine of their own.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from survey.access.service.accounts import add_user, make_sign_in_link
from survey.answering.service import SubmissionOutcome, submit_answers
from survey.app import create_app
from survey.config import Config
from survey.database import db
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, store_code
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from tests.browser.conftest import Open, _await
from tests.browser.test_employee import faults, rate, send
from tests.cast import form, found_company
from tests.conftest import settings_of
from tests.ports import free_port
from tests.proofs import sizes

pytestmark = pytest.mark.browser
PASSPHRASE = "violet tram under seven lakes"
STAFF = {"Sales": 14}


@dataclass
class Server:
    """A server of this test's own, its planned wave, and what only an operator can do."""

    base: str
    config: Config
    slug: str

    def sign_in(self, role: str) -> str:
        with create_app(self.config).app_context():
            user = add_user(f"{role}@northwind.example", role)
            link = make_sign_in_link(user.email, self.config)
            db.engine.dispose()
        return link

    def open(self, answers: int) -> str:
        """Opens the wave as of an hour ago, so that closing it now is no minute too early.

        Some answer, and one link is left.
        """
        with create_app(self.config).app_context():
            item = open_wave(
                self.slug, now() - timedelta(hours=1), self.config.key_dir, actor="test"
            )
            codes = {invitation.id: draw_code() for invitation, _ in invitations_of(item.id)}
            for invitation_id, code in codes.items():
                store_code(invitation_id, code)
            left, *used = codes.values()
            for code in used[:answers]:
                assert (
                    submit_answers(item, form(code, {"OVR1": "4"}), now()).outcome
                    is SubmissionOutcome.SENT
                )
            db.engine.dispose()
        return f"{self.base}/s/{self.slug}#{left}"


@pytest.fixture
def server(templates: Mapping[str, str], tmp_path: Path) -> Iterator[Server]:
    """Pages on a port of their own, in a folder of their own; the timed work is left out."""
    port = free_port()
    (tmp_path / "candour.db").write_bytes(
        Path(templates["sqlite"].removeprefix("sqlite:///")).read_bytes()
    )
    base = f"http://127.0.0.1:{port}"
    environment = settings_of(
        f"sqlite:///{tmp_path / 'candour.db'}", tmp_path, CANDOUR_BASE_URL=base
    )
    config = Config.from_environment(environment, tmp_path)
    with create_app(config).app_context():
        slug = found_company(STAFF).slug
        db.engine.dispose()
    command = [
        sys.executable,
        "-c",
        "from survey.cli import main; main()",
        "serve",
        "--web-only",
        "--port",
        str(port),
    ]
    log = tmp_path / "printed"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=out,
            stderr=out,
        )
    try:
        _await(f"{base}/readyz", process, log)
        yield Server(base, config, slug)
    finally:
        process.terminate()
        process.wait(20)


def offline(folder: Path, *arguments: str) -> str:
    """The representative's machine, which has no settings."""
    code = "from survey.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments, "--passphrase-file", "-"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        input=f"{PASSPHRASE}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def signed_in(visit: Open, link: str, width: int) -> Page:
    page = visit(link, width=width)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"^(?!.*/sign-in)"))
    return page


def registers(admin: Page, server: Server, public: str) -> str:
    """An administrator finds the page, slips once, and registers the key.

    Gives what the page says then.
    """
    admin.goto(f"{server.base}/account")
    admin.get_by_role("link", name="a second key").first.click()
    assert faults(admin) == []
    admin.get_by_label("Who holds it").fill("Rosa Marin")
    admin.get_by_label("The public half").fill(public[:-1])
    admin.get_by_role("button", name="Register").click()
    assert admin.title().startswith("Error:")
    assert faults(admin) == []
    admin.get_by_label("The public half").fill(public)
    admin.get_by_role("button", name="Register").click()
    assert faults(admin) == []
    return admin.locator("[role=status]").inner_text()


def answers(page: Page) -> str:
    """An employee reads what happens to the answers, and answers; gives what was read."""
    page.locator("summary").first.click()
    read = page.locator("details").first.inner_text()
    rate(page, "OVR1", 4)
    send(page)
    page.wait_for_url("**/thanks")
    return read


def closes(mira: Page, server: Server) -> None:
    """A manager closes the wave and comes to the page of the ceremony."""
    mira.goto(f"{server.base}/waves/{server.slug}/ceremony")
    assert "Nothing can be opened before" in mira.locator("main").inner_text()
    mira.goto(f"{server.base}/waves/{server.slug}/close")
    mira.get_by_label("Why now?").fill("the office moves")
    mira.get_by_role("button", name="Close it now").click()
    mira.get_by_role("link", name="Open it together with the representative").click()
    assert "holds 9 sealed ballots" in mira.locator("main").inner_text()
    assert faults(mira) == []


def gives_back(mira: Page, file: Path) -> None:
    mira.get_by_label("The file that came back").set_input_files(file)
    mira.get_by_role("button", name="Count the answers").click()


@pytest.mark.parametrize("width", sizes("ceremony", 360, 1280))
def test_the_ceremony_from_the_first_key_to_the_results(
    server: Server, visit: Open, tmp_path: Path, width: int
) -> None:
    (own := tmp_path / "rosa").mkdir()
    printed = offline(own, "cokey", "make", "rosa.key")
    public = re.search(r"(?:[a-z2-7]{8}-){6}[a-z2-7]{8}", printed)
    fingerprint = re.search(r"(?:[0-9a-f]{4} ){7}[0-9a-f]{4}", printed)
    assert public
    assert fingerprint
    assert fingerprint[0] in registers(
        signed_in(visit, server.sign_in("admin"), width), server, public[0]
    )

    assert "Rosa Marin, employee representative, holds one" in answers(
        visit(server.open(8), width=width)
    )
    promise = visit(f"{server.base}/promise", width=width)
    assert fingerprint[0] in promise.locator("#keys").inner_text()
    assert faults(promise) == []

    mira = signed_in(visit, server.sign_in("manager"), width)
    closes(mira, server)
    with mira.expect_download() as download:
        mira.get_by_role("button", name="Download the sealed ballots").click()
    download.value.save_as(own / "wave.sealed")
    gives_back(mira, own / "wave.sealed")
    assert "This is not the right file" in mira.locator("[role=alert]").inner_text()
    assert faults(mira) == []

    assert "9 sealed ballots of 14 invited" in offline(
        own, "cokey", "open", "wave.sealed", "rosa.key", "wave.opened", "--destroy"
    )
    assert not (own / "rosa.key").exists()
    gives_back(mira, own / "wave.opened")
    mira.wait_for_url(f"{server.base}/waves/{server.slug}")
    assert "counted" in mira.locator("[role=status]").inner_text()
    assert list((tmp_path / "keys").iterdir()) == []
    mira.goto(f"{server.base}/waves/{server.slug}/ceremony")
    assert "the wave is counted" in mira.locator("main").inner_text()
    assert faults(mira) == []

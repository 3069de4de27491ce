"""The mail of an open wave in a real browser.

Looked at on a phone and a desk, steered without script.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import text

from survey.access.service.accounts import add_user, make_sign_in_link
from survey.app import create_app
from survey.config import Config
from survey.database import db, transaction
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.outbox.service import pausing
from survey.mail.smtp.service.sender import Connection, Limits
from tests.browser.conftest import Open, _await
from tests.browser.test_employee import faults, looks
from tests.cast import found_company
from tests.conftest import settings_of
from tests.mail.postbox import open_postbox
from tests.ports import free_port

pytestmark = pytest.mark.browser
STAFF = {"Sales": 14, "Service": 12, "Warehouse": 14}
REFUSED = {
    "ada@northwind.example": "550 5.1.1 no such user",
    "c2@northwind.example": "552 5.2.2 over quota",
}


@dataclass
class Server:
    """A server of this module's own with an open wave, half of it sent, and a manager who is signed
    in.
    """

    base: str
    config: Config
    slug: str
    state: Any = None

    @property
    def page(self) -> str:
        return f"{self.base}/waves/{self.slug}/progress"

    def pause(self, reason: str) -> None:
        with create_app(self.config).app_context():
            pausing.pause_sending(reason)
            db.engine.dispose()

    def resume(self) -> None:
        with create_app(self.config).app_context():
            pausing.resume_sending()
            db.engine.dispose()


@pytest.fixture(scope="module")
def installation(
    templates: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Server, dict[str, str], str]:
    """The open wave; made before the browser starts, whose event loop keeps that of a mail server
    from running.
    """
    folder, port = tmp_path_factory.mktemp("sending"), free_port()
    (folder / "candour.db").write_bytes(
        Path(templates["sqlite"].removeprefix("sqlite:///")).read_bytes()
    )
    base = f"http://127.0.0.1:{port}"
    environment = settings_of(
        f"sqlite:///{folder / 'candour.db'}",
        folder,
        CANDOUR_BASE_URL=base,
        CANDOUR_MAIL_PER_MINUTE="5",
    )
    config = Config.from_environment(environment, folder)
    with create_app(config).app_context():
        found = Server(
            base,
            config,
            open_wave(found_company(STAFF).slug, now(), config.key_dir, actor="test").slug,
        )
        link = make_sign_in_link(add_user("manager@northwind.example", "manager").email, config)
        with transaction() as session:  # these go first
            first = (
                "SELECT i.id FROM invitation i JOIN person p ON p.id = i.person_id WHERE p.email IN"
                " (:ada, :bob)"
            )
            query = text(f"UPDATE outbox SET priority = 1 WHERE recipient IN ({first})")
            session.execute(query, dict(zip(("ada", "bob"), REFUSED, strict=True)))
        with open_postbox() as box:
            box.refused = REFUSED
            mail.deliver_letters(seconds=3, channel=Connection(box.url, None, Limits(2.0, 4.0)))
        db.engine.dispose()
    return found, environment, link


@pytest.fixture(scope="module")
def server(installation: tuple[Server, dict[str, str], str], chromium: Browser) -> Iterator[Server]:
    """Its pages on a port of their own; the timed work is left out."""
    found, environment, link = installation
    folder, base, port = found.config.folder, found.base, found.base.rpartition(":")[2]
    command = [
        sys.executable,
        "-c",
        "from survey.cli import main; main()",
        "serve",
        "--web-only",
        "--port",
        port,
    ]
    log = folder / "printed"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=out,
            stderr=out,
        )
    try:
        _await(f"{base}/readyz", process, log)
        context = chromium.new_context()
        page = context.new_page()
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{base}/")
        found.state = context.storage_state()
        context.close()
        yield found
    finally:
        process.terminate()
        process.wait(20)


def fits(page: Page, name: str) -> list[str]:
    """What is wrong with the page as it stands.

    Kept as a picture where a folder for pictures is named.
    """
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    return faults(page)


@looks
def test_every_page_about_mail_is_accessible_and_fits(
    server: Server,
    visit: Open,
    width: int,
    dark: bool,  # noqa: FBT001
) -> None:
    page = visit(server.page, width=width, dark=dark, state=server.state)
    look = f"{width}-{'dark' if dark else 'light'}"
    assert "of 40 invitations handed over, 5 a minute" in page.inner_text("main")
    assert fits(page, f"open-{look}") == []
    for control in page.locator("main a.button, main button").all():
        box = control.bounding_box()
        assert box
        assert box["height"] >= 44
    for address in ("mail/pause", "mail/resume", "mail/cancel"):
        page.goto(f"{server.base}/waves/{server.slug}/{address}")
        assert fits(page, f"{address.replace('/', '-')}-{look}") == []
    server.pause("the mail server refused our sign-in (535 5.7.8)")
    try:
        for address in ("/", f"/waves/{server.slug}/progress", "/sending/resume", "/sending/pause"):
            page.goto(server.base + address)
            assert fits(page, f"paused{address.replace('/', '-')}-{look}") == []
    finally:
        server.resume()


def test_retry_pause_and_resume_work_without_script(server: Server, visit: Open) -> None:
    page = visit(server.page, script=False, state=server.state)
    assert re.search(r"Ada Berg\s", page.locator(".card:has(#missing)").inner_text())
    page.get_by_role("button", name="Retry the invitation to Ada Berg").click()
    assert "1 letter is queued again." in page.locator("[role=status]").inner_text()
    assert "Ada Berg" not in page.locator(".card:has(#missing)").inner_text()
    page.get_by_role("link", name="Pause the mail of this wave").click()
    page.get_by_role("button", name="Pause the mail of this wave").click()
    assert "is paused" in page.locator("[role=status]").inner_text()
    page.locator("a.button", has_text="Resume the mail of this wave").click()
    page.get_by_role("button", name="Resume the mail of this wave").click()
    assert "goes on" in page.locator("[role=status]").inner_text()
    page.get_by_role("link", name="Cancel what waits").click()
    assert page.get_by_role("button", name=re.compile(r"Cancel \d+ invitations")).is_visible()

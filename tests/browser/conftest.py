"""The demo as a newcomer starts it, and a real browser to look at it."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.ports import free_port

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Demo:
    """The running demo: where it is, what it printed, and the invitations nobody has used yet."""

    base: str
    printed: str
    folder: Path
    links: list[str] = field(default_factory=list)
    signed_in: Any = None  # the state of the browser that has used the printed link

    def mails(self) -> list[EmailMessage]:
        """The letters in its catcher."""
        found = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted((self.folder / "mail").glob("*.eml"))
        ]
        return [mail for mail in found if isinstance(mail, EmailMessage)]

    def fresh_link(self) -> str:
        """The link of an invitation that no test has used."""
        return self.links.pop()

    @property
    def sign_in(self) -> str:
        """The one-time link that it printed."""
        found = re.search(rf"{self.base}/sign-in/link#\S+", self.printed)
        assert found, self.printed
        return found.group()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`make demo` without make: the same module, in an empty folder, as a process of its own."""
    place, port = tmp_path_factory.mktemp("demo"), free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    log = place / "printed"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "survey.demo.commands"],
            cwd=place,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        _await(f"{base}/readyz", process, log)
        found = Demo(base, log.read_text(), place / "instance" / "demo")
        texts = [
            part.get_content() for mail in found.mails() if (part := mail.get_body(("plain",)))
        ]
        found.links = sorted(
            {link for text in texts for link in re.findall(rf"{base}/s/\S+#\w+", text)}
        )
        yield found
    finally:
        process.terminate()
        process.wait(20)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            with closing(urllib.request.urlopen(url, timeout=5)):
                return
        except urllib.error.URLError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    pytest.fail(f"{url} did not answer: {log.read_text()}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium with a fresh profile.

    For one module, because its event loop keeps those of other tests from running.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is missing: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Open]:
    """Opens an address in a browser of its own.

    `visit(url, width=360, dark=False, script=True, state=None)`.
    """
    contexts: list[BrowserContext] = []

    def opened(
        url: str,
        *,
        width: int = 360,
        dark: bool = False,
        script: bool = True,
        state: Any = None,
        trusting: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            storage_state=state,
            ignore_https_errors=trusting,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def manager(demo: Demo, chromium: Browser) -> Any:
    """The state of a browser in which the demo's manager is signed in by the link that was printed,
    which is good once.
    """
    if demo.signed_in:
        return demo.signed_in
    context = chromium.new_context()
    page = context.new_page()
    page.goto(demo.sign_in)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.base}/")
    demo.signed_in = context.storage_state()
    context.close()
    return demo.signed_in

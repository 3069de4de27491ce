"""What it costs that every answer has one size: the same answers, padded and not, in turn.

Sent to the real server, over one connection that stays open, as a browser keeps it.
"""

import http.client
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from flask_migrate import upgrade

from survey.answering.rules.form import FORM_SIZE
from survey.app import create_app
from survey.database import db
from tests.answering.today import open_today
from tests.cast import SCALES
from tests.conftest import settings, settings_of
from tests.load.idle import CANDOUR, answered
from tests.ports import free_port

MOST = 1.05
COMMENT = "The queue is long on Mondays, but whoever answers knows what to do. " * 4
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Host": "localhost"}
Json = dict[str, Any]


def run(pairs: int = 300) -> Iterator[Json]:
    """One line: the median time of a padded answer, and its ratio to that of an unpadded one."""
    times: dict[str, list[float]] = {"padded": [], "plain": []}
    with ExitStack() as ending:
        port, path, codes = ending.enter_context(_served(people=2 * pairs + 20))
        line = ending.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port)))
        for _ in range(10):  # before anything is measured
            for is_padded in (True, False):
                _send(line, path, _body(codes.pop(), is_padded=is_padded))
        for _ in range(pairs):
            for kind in random.sample(sorted(times), 2):
                body = _body(codes.pop(), is_padded=kind == "padded")
                times[kind].append(_send(line, path, body))
    padded, plain = median(times["padded"]), median(times["plain"])
    yield {
        "id": "padding",
        "what": "an answer of one size",
        "median": padded,
        "floor": plain,
        "ratio": round(padded / plain, 3),
        "most": MOST,
        "n": pairs,
        "versions": {"Python": platform.python_version(), "waitress": version("waitress")},
        "load": round(os.getloadavg()[0], 1),
    }


def _body(code: str, *, is_padded: bool) -> bytes:
    """The form of somebody who answers everything, as the page's script would send it."""
    fields = {"token": code, **{name: random.choice("12345") for name in SCALES}}
    fields["OPN1"] = COMMENT
    fields["pad"] = ""
    short = FORM_SIZE - len(urlencode(fields)) if is_padded else 0
    return urlencode({**fields, "pad": "x" * short}).encode()


def _send(line: http.client.HTTPConnection, path: str, body: bytes) -> float:
    """Seconds until the answer is taken."""
    begun = time.perf_counter()
    line.request("POST", path, body, HEADERS)
    answer = line.getresponse()
    answer.read()
    took = time.perf_counter() - begun
    assert answer.status == 303, answer.status
    return took


@contextmanager
def _served(people: int) -> Iterator[tuple[int, str, list[str]]]:
    """A real server with an open wave: its port, the survey's path, and a code for everybody."""
    with tempfile.TemporaryDirectory(prefix="candour-padding-") as place:
        folder, port = Path(place), free_port()
        url = f"sqlite:///{folder / 'candour.db'}"
        app = create_app(settings(url, folder))
        with app.app_context():
            upgrade()
            company = open_today(app, {"Sales": people})
            db.session.remove()
            db.engine.dispose()
        environment = {**settings_of(url, folder), "PATH": os.environ["PATH"]}
        command = [CANDOUR, "serve", "--web-only", "--port", str(port)]
        with subprocess.Popen(
            command, env=environment, cwd=folder, stderr=subprocess.DEVNULL
        ) as server:
            try:
                answered(f"http://127.0.0.1:{port}/healthz")
                yield port, f"/s/{company.wave.slug}", list(company.codes)
            finally:
                server.terminate()
                server.wait(timeout=60)


if __name__ == "__main__":
    print(*run(*map(int, sys.argv[1:])), sep="\n")

"""The shipped nginx before a real installation: an employee's visit leaves nothing in any log."""

import re
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.browser.conftest import Open
from tests.browser.installation import Installation, installed
from tests.browser.proxy import Proxy, proxied
from tests.proofs import proof
from tests.test_one_wave import LINK, link_in, text_of

pytestmark = pytest.mark.browser
AS_SHIPPED = ("", "")
LOGGED = ("    access_log off;\n    error_log", "    error_log")


@dataclass(frozen=True)
class Visited:
    """An installation behind its proxy."""

    proxy: Proxy
    inside: Installation

    def everything_logged(self) -> str:
        """Whatever the proxy and the server wrote."""
        return "\n".join([*self.proxy.logs().values(), self.inside.said.read_text()])


@contextmanager
def visited(folder: Path, fault: tuple[str, str]) -> Iterator[Visited]:
    """An open wave of twelve people behind nginx."""
    with installed(folder, people=12, is_behind_proxy=True) as inside:
        port = inside.product.port
        with proxied(folder / "nginx", port, inside.outside, fault) as proxy:
            yield Visited(proxy, inside)


def stop_link(letter: EmailMessage) -> str:
    return next(link.rstrip(".") for link in LINK.findall(text_of(letter)) if "/stop/" in link)


def visit_as_an_employee(place: Visited, visit: Open) -> None:
    """Opens, answers, reads the promise, and stops the mails."""
    first, second = place.inside.invitations()[:2]
    page = visit(link_in(first), trusting=True)
    page.locator("input[name=OVR1][value='4']").check(force=True)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/thanks")
    page.goto(f"{place.proxy.base}/promise")
    page.goto(f"{place.proxy.base}/how-we-count")
    page.goto(stop_link(second))
    page.get_by_role("button", name=re.compile("stop", re.IGNORECASE)).first.click()
    page.wait_for_load_state("networkidle")


def status_of(place: Visited, path: str, body: bytes | None = None) -> int:
    """What a stranger's request is answered with; nobody checks the test's own certificate."""
    trusting = ssl._create_unverified_context()
    request = urllib.request.Request(f"{place.proxy.base}{path}", data=body)
    try:
        with urllib.request.urlopen(request, timeout=20, context=trusting) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(AS_SHIPPED, id="as shipped"),
        pytest.param(LOGGED, id="seeded fault: logged", marks=proof("slow")),
    ],
)
def test_no_log_holds_who_opened_answered_or_stopped(
    tmp_path: Path, visit: Open, fault: tuple[str, str]
) -> None:
    with visited(tmp_path, fault) as place:
        visit_as_an_employee(place, visit)
        survey = (
            link_in(place.inside.invitations()[0]).partition("#")[0].removeprefix(place.proxy.base)
        )
        assert status_of(place, f"{survey}/nothing") == 404
        assert status_of(place, survey, b"OVR1=4&token=" + b"x" * 30_000) in {400, 410}
        assert status_of(place, survey, b"token=" + b"x" * 200_000) == 413
        assert place.proxy.bodies() == []
        place.inside.server.terminate()
        place.inside.server.wait(20)
        assert status_of(place, survey) == 502
        written = place.everything_logged()
    traces = re.findall(r"127\.0\.0\.1 |client:|GET /\S*|POST /\S*|/static/\S*|/s/\S+", written)
    if fault == AS_SHIPPED:
        assert traces == []
    else:
        assert any("/static/" in trace for trace in traces), "the fault was not caught"


@proof("slow")
def test_a_staff_list_of_ten_mebibytes_passes_the_proxy(tmp_path: Path) -> None:
    with visited(tmp_path, AS_SHIPPED) as place:
        form = b"x" * (10 * 2**20)
        assert status_of(place, "/people/import", form) in {302, 400, 403}, "as without a proxy"

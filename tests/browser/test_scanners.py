"""Link scanners: whoever opens every address of every mail, with scripts too, changes nothing and
takes nobody's answer.

Everything is real: the mails of a running product, its web server, Chromium, both databases.
"""

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.browser.conftest import Open
from tests.proofs import proof
from tests.test_one_wave import LINK, Product, _answer, dump, fetch, letters, link_in, text_of

pytestmark = pytest.mark.browser
HREF = re.compile(r'(?:href|src)="(https?://[^"]+)"')
MANY = 20  # times that each address is looked at
PEOPLE, ANSWERING = 24, 15


@dataclass(frozen=True)
class Mailed:
    """A running product that has sent letters of every kind.

    One letter of each, and the wave that is open.
    """

    product: Product
    kinds: dict[str, EmailMessage]
    invitations: list[EmailMessage]
    wave: str

    @property
    def addresses(self) -> set[str]:
        """Every address in these letters, headers included, as they are and as filters rewrite
        them.
        """
        found = set()
        for letter in self.kinds.values():
            html = letter.get_body(("html",))
            assert html
            content = unescape(str(html.get_content()))
            found |= {link.rstrip(".") for link in LINK.findall(text_of(letter))} | set(
                HREF.findall(content)
            )
            found |= set(re.findall(r"<(http[^>]+)>", str(letter["List-Unsubscribe"] or "")))
        return found | {link.replace("#", "%23") for link in found if "#" in link}


@contextmanager
def mailed(database_url: str, folder: Path) -> Iterator[Mailed]:
    """A counted wave whose findings were shared, and a second one that is open.

    Invited, one address corrected, reminded.
    """
    product = Product(database_url, folder)
    (folder / "staff.csv").write_bytes(
        b"email,name,department\n"
        + b"".join(b"p%d@northwind.example,P %d,Sales\n" % (n, n) for n in range(PEOPLE))
    )
    run = product.run
    run("init")
    with product.mail_server(), product.serving():
        run_prepared(product)
        first = json.loads(run("waves", "list", "--json"))["waves"][0]["slug"]
        run("waves", "open", first)
        run("tick")
        _answer(letters(product.mails)[:ANSWERING])
        run("waves", "close", first, "--early", "the whole office moved")
        alarm = the_alarm(product, first)
        run("mail", "retry", first)
        run("tick")
        findings = letters(product.mails)[-1]
        assert "otto@" in str(findings["To"])
        (folder / "reply.txt").write_text("We have put two more people on the service desk.\n")
        today = datetime.now(UTC).date().isoformat()
        run("followups", "reply", first, "--file", "reply.txt", "--received", today)
        run("followups", "send", first)
        run("tick")
        follow_up = letters(product.mails)[-1]
        assert "15 of the 24 of us who were asked answered" in text_of(follow_up)
        second = next(
            one["slug"]
            for one in json.loads(run("waves", "list", "--json"))["waves"]
            if one["state"] == "planned"
        )
        run("waves", "open", second)
        run("tick")
        invitations = [
            letter
            for letter in letters(product.mails)
            if letter["Subject"] and f"/s/{second}#" in text_of(letter)
        ]
        run("people", "correct", "p0@northwind.example", "pia@northwind.example")
        run("tick")
        notice = letters(product.mails)[-1]
        assert "p0@" in str(notice["To"]), "the old address is told"
        facts = json.loads(run("waves", "status", second, "--json"))
        opens, closes = (datetime.fromisoformat(facts[name]) for name in ("opens", "closes"))
        before = len(letters(product.mails))
        assert "reminders are queued" in run(
            "tick", "--now", (opens + (closes - opens) / 2 + timedelta(hours=1)).isoformat()
        )
        reminders = letters(product.mails)[before:]
        assert len(reminders) == len(invitations)
        assert not any("pia@" in str(letter["To"]) for letter in reminders)
        reminder = reminders[0]
        kinds = {
            "findings": findings,
            "invitation": invitations[3],
            "address notice": notice,
            "reminder": reminder,
        }
        kinds |= {"alarm": alarm, "follow-up": follow_up}
        assert len({str(letter["Subject"]) for letter in kinds.values()}) >= 5
        yield Mailed(product, kinds, invitations, second)


def the_alarm(product: Product, wave: str) -> EmailMessage:
    """The mail to the administrator after findings could not be delivered for longer than they are
    news.
    """
    product.run("users", "add", "mira@northwind.example", "--role", "admin")
    product.run("mail", "pause")
    product.run("findings", "share", wave, "--to", "provider")
    change(product, "UPDATE outbox SET give_up_at = '2026-01-01 00:00:00' WHERE kind = 'findings'")
    product.run("tick")
    product.run("mail", "resume")
    product.run("tick")
    found = letters(product.mails)[-1]
    assert "mira@" in str(found["To"])
    return found


def run_prepared(product: Product) -> None:
    """The company of the main job, with this file's staff list."""
    product.run("people", "import", "staff.csv")
    facts = (
        "--contact",
        "Dana Reyes <dana@northwind.example>",
        "--comments-read-by",
        "Head of operations",
        "--host",
        "northwind.example",
    )
    product.run("organisation", "set", "Northwind Ltd", *facts)
    product.run(
        "providers", "add", "Brightline IT", "--contact", "Otto Lindqvist <otto@brightline.example>"
    )
    product.run(
        "surveys",
        "add",
        "IT support",
        "--provider",
        "Brightline IT",
        "--opens",
        "2027-01-11T09:00",
        "--timezone",
        "Europe/London",
    )
    product.run("targets", "set", "IT support", "OVR1", "--target", "0.7")


def scan(addresses: set[str], times: int) -> None:
    """GET and HEAD of each, so many times.

    Nobody is given a cookie, but where a manager is asked to sign in.
    """
    for address in sorted(addresses):
        for method in ("GET", "HEAD") * times:
            request = urllib.request.Request(address, method=method)
            with urllib.request.urlopen(request, timeout=20) as response:
                assert response.status == 200, address
                assert "/sign-in" in response.url or response.headers["Set-Cookie"] is None, address


def at_once(addresses: set[str]) -> None:
    """Opens all addresses at the same moment."""
    start, wrong = threading.Barrier(len(addresses)), []

    def look(address: str) -> None:
        start.wait(timeout=20)
        try:
            scan({address}, 1)
        except (AssertionError, OSError) as error:
            wrong.append(error)

    threads = [threading.Thread(target=look, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []


def change(product: Product, statement: str) -> None:
    engine = create_engine(product.database_url)
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1
    engine.dispose()


def count(product: Product, table: str) -> int:
    engine = create_engine(product.database_url)
    with engine.connect() as connection:
        found = int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)
    engine.dispose()
    return found


def one_of_each_kind(addresses: set[str]) -> list[str]:
    """Of addresses that differ in their wave, code or secret alone, the first."""
    kinds = {
        re.sub(r"[#?].*", "", re.sub(r"/(s|stop|waves)/[^/#?]+", r"/\1/_", address)): address
        for address in sorted(addresses, reverse=True)
    }
    return sorted(kinds.values())


def the_first_letter_to(found: Mailed, to: str) -> EmailMessage:
    return next(letter for letter in found.invitations if letter["To"] == to)


@proof("links")
@pytest.mark.parametrize("times", [MANY])
def test_scanners_change_nothing_then_one_person_answers_once_and_another_stops(
    database_url: str, tmp_path: Path, visit: Open, times: int
) -> None:
    with mailed(database_url, tmp_path) as found:
        base = f"http://127.0.0.1:{found.product.port}"
        ours = {address for address in found.addresses if address.startswith(f"{base}/")}
        one_click = re.findall(r"<(http[^>]+)>", str(found.kinds["reminder"]["List-Unsubscribe"]))[
            0
        ]
        assert one_click in ours
        assert found.addresses - ours == set(), "a mail leads nowhere else"
        assert {path.split("/")[3] for path in ours} >= {"s", "stop", "promise", "waves"}
        before = dump(found.product.database_url)
        scan(ours, times)
        assert dump(found.product.database_url) == before
        for address in sorted(ours) if times == MANY else one_of_each_kind(ours):
            page = visit(address)
            for _ in range(times - 1):
                page.mouse.wheel(0, 4000)
                page.reload()
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(200)
            assert page.context.cookies() == [] or address.startswith(f"{base}/waves/"), (
                "a page for staff or the provider knows whoever comes back"
            )
            page.context.close()
        assert dump(found.product.database_url) == before
        at_once({link_in(letter) for letter in found.invitations} | ours)
        assert dump(found.product.database_url) == before

        link = link_in(found.kinds["reminder"])
        page = visit(link)
        page.locator("input[name=OVR1][value='4']").check(force=True)
        page.get_by_role("button", name="Send").click()
        page.wait_for_url("**/thanks")
        assert count(found.product, "ballot") == 1
        again = {"token": link.partition("#")[2], "OVR1": "1"}
        for letter in (
            found.kinds["reminder"],
            the_first_letter_to(found, str(found.kinds["reminder"]["To"])),
        ):
            again["token"] = link_in(letter).partition("#")[2]
            assert fetch(link.partition("#")[0], "POST", again)[0] == 410, (
                "both letters' codes burned the same invitation"
            )
        assert count(found.product, "ballot") == 1

        assert count(found.product, "stop") == 0
        scan({one_click}, 2)
        assert count(found.product, "stop") == 0
        assert fetch(one_click, "POST", {"List-Unsubscribe": "One-Click"})[0] == 200
        assert count(found.product, "stop") == 1

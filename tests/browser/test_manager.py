"""What a newcomer and the manager meet in a real browser.

Every page of the demo, reached by clicking.
"""

import re
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Demo, Open
from tests.browser.test_employee import faults, looks

pytestmark = pytest.mark.browser
MOST_PAGES = 150


def results(demo: Demo) -> str:
    """The address of the newest results, as the demo printed it."""
    found = re.search(rf"the newest results[^\n]*\s+({demo.base}/waves/\S+)", demo.printed)
    assert found
    return found.group(1)


@looks
def test_the_results_are_accessible_and_fit(
    demo: Demo,
    visit: Open,
    manager: Any,
    width: int,
    dark: bool,  # noqa: FBT001
) -> None:
    page = visit(results(demo), width=width, dark=dark, state=manager)
    for summary in page.locator("main summary").all():
        summary.click()
    assert re.fullmatch(
        r"Clearly up: about \d+ points since \w+ \d{4} \(\d+ to \d+ up\) for “Satisfied overall”\."
        r" \d of 6 measures miss target; .*",
        page.get_by_role("heading", level=1).inner_text(),
    )
    assert page.get_by_role("heading", name="Is it getting better?").is_visible()
    assert faults(page) == []


def test_the_first_page_answers_whether_it_is_getting_better(
    demo: Demo, visit: Open, manager: Any
) -> None:
    """With the headline of the newest results, and the trend of each measure that leads."""
    page = visit(results(demo), width=360, state=manager)
    headline = page.get_by_role("heading", level=1).inner_text()
    trends = page.locator("section:has(#over-time) > ul > li").all_inner_texts()
    assert len(trends) == 6
    page = visit(f"{demo.base}/", width=360, state=manager)
    answer = page.locator("section", has=page.get_by_role("heading", name="Is it getting better?"))
    assert f"{headline}." in answer.inner_text()
    assert answer.get_by_role("listitem").all_inner_texts() == trends


def test_every_page_is_reached_by_clicking_works_and_is_accessible(
    demo: Demo, visit: Open, manager: Any
) -> None:
    page = visit(f"{demo.base}/", state=manager)
    waiting, seen, wrong = ["/"], {"/"}, []
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        if path.endswith(".csv") or "/mail/" in path:
            continue
        answer = page.goto(demo.base + path)
        assert answer
        status = answer.status
        wrong += (
            [f"{path}: {status}"]
            if status != 200
            else [f"{path}: {fault}" for fault in faults(page)]
        )
        links = page.eval_on_selector_all(
            "a[href]", "all => all.map(one => one.getAttribute('href'))"
        )
        found = {link.partition("#")[0] for link in links if link.startswith("/")} - seen
        # One of each kind of page is enough where there is a page per person, wave or letter.
        new = sorted(
            {
                re.sub(r"/[0-9a-f]{32}", "/<id>", link).partition("?")[0]: link for link in found
            }.values()
        )
        waiting += [link for link in new if _kind(link) not in {_kind(known) for known in seen}]
        seen |= set(new)
    assert wrong == []
    assert len(seen) > 25


def _kind(path: str) -> str:
    return re.sub(r"\d{4}-q\d|[0-9a-f]{24,}", "*", path.partition("?")[0])


def test_sharing_shows_the_mail_first_wants_a_person_ticked_and_sends_it(
    demo: Demo, visit: Open, manager: Any
) -> None:
    page = visit(f"{demo.base}/providers", width=1280, state=manager)
    page.get_by_label("Provider").fill("Brightline IT")
    page.get_by_label("Contact’s name").fill("Petra Holm")
    page.get_by_label("Contact’s address").fill("petra@brightline.example")
    page.get_by_role("button", name="Save").click()
    page.goto(results(demo))
    headline = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="Share with Brightline IT").click()
    assert headline in page.frame_locator("iframe").first.locator("body").inner_text()
    assert page.locator("input:checked").count() == 0
    page.get_by_role("button", name=re.compile("Send")).click()
    assert "nothing was sent" in page.locator("[role=alert]").inner_text().lower()
    assert faults(page) == []
    page.get_by_label(re.compile("Petra Holm")).check()
    page.get_by_role("button", name=re.compile("Send")).click()
    assert "On its way to 1 person" in page.locator("[role=status]").inner_text()
    assert _arrived(page, demo, "petra@brightline.example")


def _arrived(page: Page, demo: Demo, address: str) -> bool:
    """Whether the timed work sends the letter by itself."""
    for _ in range(60):
        if any(address in mail["To"] for mail in demo.mails()):
            return True
        page.wait_for_timeout(500)
    return False


def test_the_printed_link_signs_in_once_and_a_stranger_sees_no_results(
    demo: Demo, visit: Open, manager: Any
) -> None:
    assert manager["cookies"]
    page = visit(demo.sign_in)
    page.get_by_role("button", name="Sign in").click()
    assert "has been used" in page.locator("[role=alert]").inner_text()
    assert faults(page) == []
    stranger = visit(results(demo))
    assert "/sign-in" in stranger.url
    assert faults(stranger) == []


def test_the_mail_catcher_shows_invitations_and_the_findings_without_sign_in(
    demo: Demo, visit: Open
) -> None:
    page = visit(f"{demo.base}/mail", width=1280)
    page.get_by_role("link", name=re.compile("staff survey, Q")).first.click()
    assert faults(page) == []
    letter = (
        page.frame_locator("iframe").first.locator("body").inner_text()
        if page.locator("iframe").count()
        else page.inner_text("main")
    )
    assert "Brightline IT" in letter

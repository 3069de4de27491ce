"""The mail to staff in a real browser.

What the demo sent, and the pages on which a manager records, writes and looks.
"""

import re
from typing import Any

import pytest

from tests.browser.conftest import Demo, Open
from tests.browser.test_employee import faults, looks
from tests.browser.test_manager import results

pytestmark = pytest.mark.browser


def mail_address(demo: Demo) -> str:
    """The address of the follow-up mail, as the demo printed it."""
    found = re.search(rf"the follow-up mail to staff\s+({demo.base}/mail/\S+)", demo.printed)
    assert found, demo.printed
    return found.group(1)


def slug(demo: Demo) -> str:
    return results(demo).rpartition("/")[2]


@looks
def test_the_pages_are_accessible_and_fit(
    demo: Demo,
    visit: Open,
    manager: Any,
    width: int,
    dark: bool,  # noqa: FBT001
) -> None:
    for path in ("/findings/{}/reply", "/findings/{}/follow-up", "/waves/{}/follow-up"):
        page = visit(demo.base + path.format(slug(demo)), width=width, dark=dark, state=manager)
        for summary in page.locator("main summary").all():
            summary.click()
        assert faults(page) == [], path


@pytest.mark.parametrize("width", [360, 640])
def test_the_mail_fits_and_reads_in_order_without_its_styles(
    demo: Demo, visit: Open, width: int
) -> None:
    page = visit(mail_address(demo) + "/html", width=width)
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    page.evaluate(
        "document.querySelectorAll('[style]').forEach(one => one.removeAttribute('style'))"
    )
    told = page.locator("body").inner_text()
    order = [
        "You said",
        "The two strengths",
        "The two problems",
        "They answered",
        "word for word",
        "Here is what changes",
        "What comes next",
    ]
    places = [told.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_the_demo_sent_it_to_all_58_and_says_where_it_lies(demo: Demo, visit: Open) -> None:
    sent = [
        str(mail["To"])
        for mail in demo.mails()
        if str(mail["Subject"]).startswith("You said, they answered")
    ]
    assert len(sent) == len(set(sent)) == 58
    page = visit(mail_address(demo), width=1280)
    assert "what changes after our" in page.locator("main").inner_text()


def test_without_script_a_manager_corrects_the_reply_looks_and_sends_a_correction(
    demo: Demo, visit: Open, manager: Any
) -> None:
    page = visit(f"{demo.base}/findings/{slug(demo)}/reply", width=360, script=False, state=manager)
    page.get_by_label("The reply, word for word").fill("")
    page.get_by_role("button", name="Record").click()
    assert page.locator("[role=alert]").get_by_role("link").get_attribute("href") == "#reply"
    page.get_by_label("The reply, word for word").fill("We were wrong about one date.")
    page.get_by_role("button", name="Record").click()
    assert "Recorded, version 2." in page.locator("[role=status]").inner_text()
    assert page.get_by_role("button", name=re.compile("^Send")).count() == 0
    page.get_by_label("What does this version correct?").fill("One date was wrong.")
    page.get_by_role("button", name="Save and show the mail").click()
    framed = page.frame_locator("iframe").first.locator("body").inner_text()
    assert "We were wrong about one date." in framed
    assert "This corrects version 1" in framed
    page.get_by_role("button", name="Send the correction, version 2, to 58 people").click()
    assert "On its way" in page.locator("[role=status]").inner_text()
    assert "One date was wrong." in page.frame_locator("iframe").first.locator("body").inner_text()

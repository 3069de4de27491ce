"""The page on counting as everybody meets it: short until it is unfolded, on any screen."""

import pytest

from tests.browser.conftest import Demo, Open
from tests.browser.test_employee import faults, looks

pytestmark = pytest.mark.browser
MOST_WORDS, TALLEST = 746, 4_976  # a third of the first version's, at 360 px


@looks
def test_the_page_is_accessible_folded_and_unfolded(
    demo: Demo,
    visit: Open,
    width: int,
    dark: bool,  # noqa: FBT001
) -> None:
    page = visit(f"{demo.base}/how-we-count", width=width, dark=dark)
    assert faults(page) == []
    for summary in page.locator("main summary").all():
        summary.click()
    assert faults(page) == []


def test_it_is_read_in_three_minutes_before_anything_is_unfolded(demo: Demo, visit: Open) -> None:
    page = visit(f"{demo.base}/how-we-count", width=360)
    assert len(page.locator("main").inner_text().split()) <= MOST_WORDS
    assert page.evaluate("document.documentElement.scrollHeight") <= TALLEST


def test_every_line_of_the_contents_leads_to_its_section(demo: Demo, visit: Open) -> None:
    page = visit(f"{demo.base}/how-we-count", width=1280)
    for link in page.locator(".contents a").all():
        link.click()
        section = page.locator(f"section{page.evaluate('location.hash')}")
        assert section.is_visible()
        box, height = section.bounding_box(), page.evaluate("innerHeight")
        assert box
        assert box["y"] < height


def test_the_manager_comes_back_to_the_results(demo: Demo, visit: Open, manager: object) -> None:
    page = visit(f"{demo.base}/", state=manager)
    page.get_by_role("link", name="Help").click()
    page.get_by_role("link", name="Back to the page before").click()
    assert page.url == f"{demo.base}/"

"""What an employee meets in a real browser.

On a phone and a desk, light and dark, with and without script.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Demo, Open
from tests.proofs import proof

pytestmark = pytest.mark.browser
USUAL = {(320, False), (360, True), (1280, False)}
looks = pytest.mark.parametrize(
    ("width", "dark"),
    [
        pytest.param(
            width,
            dark,
            id=f"{width}-{'dark' if dark else 'light'}",
            marks=() if (width, dark) in USUAL else proof("looks"),
        )
        for width in (320, 360, 1280)
        for dark in (False, True)
    ],
)


def faults(page: Page) -> list[str]:
    """What the accessibility checker finds, and whether the page scrolls sideways."""
    found = [
        f"{one['id']}: {[node['html'][:200] for node in one['nodes']]}"
        for one in Axe().run(page).response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("scrolls sideways")
    return found


def send(page: Page) -> None:
    page.get_by_role("button", name="Send my answers").click()


def rate(page: Page, question: str, value: int) -> None:
    page.locator(f"input[name={question}][value='{value}']").check(force=True)


@looks
def test_the_survey_and_the_thanks_are_accessible_and_fit(
    demo: Demo,
    visit: Open,
    width: int,
    dark: bool,  # noqa: FBT001
) -> None:
    page = visit(demo.fresh_link(), width=width, dark=dark)
    page.locator("summary").first.click()
    assert faults(page) == []
    send(page)
    assert page.title().startswith("Error:")
    assert faults(page) == []
    rate(page, "OVR1", 4)
    send(page)
    assert page.url.endswith("/thanks")
    assert faults(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_refused_code_keeps_every_answer_on_an_accessible_page(
    demo: Demo,
    visit: Open,
    dark: bool,  # noqa: FBT001
) -> None:
    page = visit(demo.links[0].partition("#")[0], dark=dark)
    rate(page, "RES1", 2)
    page.locator("textarea").first.fill("Call before you connect.")
    page.get_by_label(re.compile("Code from your mail")).fill("ABCD-EFGH-1234-5678-ABCD-EFGH")
    send(page)
    assert "This code cannot be used" in page.locator("[role=alert]").inner_text()
    assert page.locator("input[name=RES1][value='2']").is_checked()
    assert page.locator("textarea").first.input_value() == "Call before you connect."
    assert faults(page) == []


def test_the_checks_find_a_picture_without_words_and_a_line_that_is_too_long(
    demo: Demo, visit: Open
) -> None:
    page = visit(f"{demo.base}/promise")
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/static/icon.svg"
        " width=900>')"
    )
    found = faults(page)
    assert [one.partition(":")[0] for one in found] == ["image-alt", "scrolls sideways"]


def test_the_code_moves_from_the_address_into_the_form_and_nothing_is_kept(
    demo: Demo, visit: Open
) -> None:
    link = demo.fresh_link()
    page = visit(link)
    assert page.locator("#token").input_value() == link.partition("#")[2]
    assert not page.locator("#token").is_visible()
    rate(page, "OVR1", 5)
    send(page)
    assert page.get_by_role("heading", level=1).inner_text().startswith("Thank you")
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_link_whose_hash_sign_a_filter_encoded_still_works(demo: Demo, visit: Open) -> None:
    page = visit(demo.fresh_link().replace("#", "%23"))
    rate(page, "OVR1", 3)
    send(page)
    assert page.url.endswith("/thanks")


def test_without_script_the_typed_code_does_it(demo: Demo, visit: Open) -> None:
    address, _, code = demo.fresh_link().partition("#")
    page = visit(address, script=False, width=320)
    box = page.get_by_label(re.compile("Code from your mail"))
    assert box.is_visible()
    rate(page, "OVR1", 4)
    box.fill("-".join(code[place : place + 4] for place in range(0, 24, 4)).lower())
    send(page)
    assert page.url.endswith("/thanks")
    again = visit(address, script=False)
    rate(again, "OVR1", 4)
    again.get_by_label(re.compile("Code from your mail")).fill(code)
    send(again)
    assert "This code cannot be used" in again.locator("body").inner_text()


@pytest.mark.parametrize("script", [True, False])
def test_back_after_sending_shows_an_empty_form(demo: Demo, visit: Open, script: bool) -> None:  # noqa: FBT001
    address, _, code = (link := demo.fresh_link()).partition("#")
    page = visit(link if script else address, script=script)
    rate(page, "OVR1", 2)
    page.locator("textarea").first.fill("Only for the sealed box.")
    if not script:
        page.get_by_label(re.compile("Code from your mail")).fill(code)
    send(page)
    page.wait_for_url("**/thanks")
    page.wait_for_load_state("networkidle")
    page.go_back()
    assert page.locator("textarea").first.input_value() == ""
    assert page.locator("input:checked").count() == 0


def test_the_keyboard_alone_is_enough(demo: Demo, visit: Open) -> None:
    page = visit(demo.fresh_link())
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "OVR1":
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("input[name=OVR1]:checked").count() == 1
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/thanks")


def test_an_empty_form_says_what_is_missing_where_the_eye_and_the_screen_reader_are(
    demo: Demo, visit: Open
) -> None:
    page = visit(demo.fresh_link())
    send(page)
    summary = page.locator("[role=alert]")
    page.locator("[role=alert]:focus").wait_for()
    summary.get_by_role("link").first.click()
    assert page.evaluate("document.activeElement.name") == "OVR1"


def test_the_promise_is_accessible_and_its_sentences_stand_on_the_survey_page(
    demo: Demo, visit: Open
) -> None:
    page = visit(f"{demo.base}/promise")
    assert faults(page) == []
    promised = " ".join(page.locator("main").inner_text().split())
    survey = visit(demo.links[0])
    survey.locator("summary").first.click()
    sentences = [
        " ".join(one.split())
        for one in survey.locator("details").first.locator("p, li").all_inner_texts()
    ]
    assert len(sentences) >= 3
    assert [
        one
        for one in sentences
        if one not in promised and "/promise" not in one and "What is stored" not in one
    ] == []

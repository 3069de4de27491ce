"""What a real browser sends and gets is of one size, whatever was written."""

import pytest
from playwright.sync_api import Request

from survey.answering.rules.form import FORM_SIZE, PAGE_SIZE
from tests.browser.conftest import Demo, Open
from tests.browser.test_employee import rate

pytestmark = pytest.mark.browser
TEXTS = (
    "",
    "Call before you connect.",
    "Ölüm & Co. <b>\n\n" + "Nobody calls back. " * 40,
    "🙂" * 480 + "\r\nline\n" * 5,
)


def test_every_answer_is_one_size_and_so_is_every_page_that_hands_answers_back(
    demo: Demo, visit: Open
) -> None:
    sent: list[int] = []
    handed_back: list[int] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(len(request.post_data_buffer or b""))

    for text in TEXTS:
        page = visit(demo.fresh_link())
        page.on("request", note)
        page.locator("textarea").first.fill(text)
        page.locator("#token").evaluate("box => box.value = 'ABCDEFGHJKMNPQRSTVWXYZ23'")
        rate(page, "OVR1", 3)
        with page.expect_response(lambda answer: answer.request.method == "POST") as refused:
            page.get_by_role("button", name="Send").click()
        assert refused.value.status == 410
        page.wait_for_load_state()
        handed_back.append(len(refused.value.body()))
        if text:
            assert page.locator("textarea").first.input_value().split() == text.split()
    assert sent == [FORM_SIZE] * len(TEXTS)
    assert handed_back == [PAGE_SIZE] * len(TEXTS)


def test_send_can_be_pressed_once_and_again_after_coming_back(demo: Demo, visit: Open) -> None:
    page = visit(demo.fresh_link())
    pressed = """() => {
        const button = document.querySelector("form button");
        button.form.addEventListener("submit", (event) => event.preventDefault());
        button.click();
        return button.disabled;
    }"""
    assert page.evaluate(pressed)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: false}))")
    assert page.get_by_role("button", name="Send").is_enabled()

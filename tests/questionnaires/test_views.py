"""The pages that show what is asked."""

from html import unescape

import pytest
from flask import Flask

from survey.questionnaires import rules
from survey.questionnaires.service import (
    find_questionnaire,
    list_questionnaires,
    save_questionnaire,
)
from tests.outside import Browser, browser, signed_in
from tests.proofs import on_postgresql


@pytest.fixture
def viewer(app: Flask) -> Browser:
    """Somebody who may read."""
    visitor = browser(app)
    signed_in(visitor, "viewer")
    return visitor


def test_every_questionnaire_is_listed_and_shown_with_its_time(viewer: Browser) -> None:
    listed = unescape(viewer.get("/questionnaires").text)
    for asked in list_questionnaires():
        assert f'<a href="/questionnaires/{asked.slug}">{asked.title}</a>' in listed
        page = unescape(viewer.get(f"/questionnaires/{asked.slug}").text)
        assert f"{len(asked.questions)} questions, about {asked.minutes} minute" in page.replace(
            "1 question,", "1 questions,"
        )
        assert all(
            question.text in page and (question.scale.opt_out or "") in page
            for question in asked.questions
        )


def test_markup_in_a_saved_questionnaire_stays_text(viewer: Browser) -> None:
    made = rules.questionnaire_document(find_questionnaire("monthly_3"))
    made["slug"] = "ours"
    made["title"] = "<script>alert(1)</script>"
    made["questions"][0].update(text="<img src=x>", revision=2)
    save_questionnaire(rules.read_document(made))
    for path in ("/questionnaires", "/questionnaires/ours"):
        page = viewer.get(path).text
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "<img" not in page


@on_postgresql("databases")
@pytest.mark.parametrize("slug", ["nothing", "%3Cscript%3E", "x" * 3000])
def test_an_unknown_questionnaire_is_answered_by_naming_those_there_are(
    viewer: Browser, slug: str
) -> None:
    page = viewer.get(f"/questionnaires/{slug}")
    assert 400 <= page.status_code < 500
    assert "quarterly_8" in page.text
    assert "<script>" not in page.text
    assert len(page.text) < 5000


def test_a_stranger_is_led_to_the_sign_in(app: Flask) -> None:
    for path in ("/questionnaires", "/questionnaires/quarterly_8"):
        assert browser(app).get(path).location.startswith("/sign-in")

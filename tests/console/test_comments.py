"""The page on which comments are read one by one.

Warnings, three buttons without script, and nothing typed is lost.
"""

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from survey.console.views.comments import LISTED_AT_ONCE
from survey.responses.service.comments import Comment, released_comments
from survey.waves.rules.waves import Wave
from tests.cast import answer_all, close_company, open_company, under_review
from tests.findings.company import CANARY, small_company
from tests.findings.test_comments import all_comments, rewrite
from tests.outside import browser, signed_in
from tests.proofs import on_postgresql

ASK = "Ask Ada Berg (ada@northwind.example) about INC0012345,\nshe is kind"


@pytest.fixture
def wave(app: Flask) -> Wave:
    return small_company(app).wave


@pytest.fixture
def manager(app: Flask, wave: Wave) -> FlaskClient:
    return browser(app, "manager")


def said(response: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def page(client: FlaskClient, wave: Wave, show: str = "unread") -> TestResponse:
    response = client.get(f"/findings/{wave.slug}/comments?show={show}")
    assert response.status_code == 200
    return response


def press(
    client: FlaskClient,
    wave: Wave,
    comment_id: str,
    decision: str,
    typed: str,
    show: str = "unread",
) -> TestResponse:
    """Presses a button of a comment's form.

    A browser sends what stands in its box along, with its own line ends.
    """
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account").text)
    assert token
    data = {
        "csrf_token": token[1],
        "comment": comment_id,
        "decision": decision,
        "text": typed.replace("\n", "\r\n"),
    }
    return client.post(f"/findings/{wave.slug}/comments?show={show}", data=data)


def card(response: TestResponse, comment_id: str) -> str:
    (article,) = re.findall(
        rf'<article[^>]*"n-{comment_id}">.*?</article>', response.text, re.DOTALL
    )
    return str(article)


def stored(wave: Wave, comment_id: str) -> Comment:
    return next(comment for comment in all_comments(wave) if comment.id == comment_id)


def page_with(client: FlaskClient, wave: Wave, comment_id: str) -> TestResponse:
    """Pages deal comments at random; one of them holds this one."""
    for _ in range(200):
        response = page(client, wave)
        if comment_id in response.text:
            return response
    pytest.fail("never dealt")


@on_postgresql("databases")
def test_a_comment_stands_with_what_to_look_at_twice_and_untouched_in_its_box(
    manager: FlaskClient, wave: Wave
) -> None:
    (first,) = rewrite(wave, ASK)
    article = card(page_with(manager, wave, first), first)
    assert re.findall(r"<mark>(.*?)</mark>", article) == [
        "Ada Berg",
        "ada@northwind.example",
        "INC0012345",
    ]
    for line in (
        "“<bdi>Ada Berg</bdi>”: the name of a colleague",
        "“<bdi>ada@northwind.example</bdi>”: the mail address of a colleague",
        "“<bdi>INC0012345</bdi>”: a ticket number",
    ):
        assert line in article
    (box,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", article, re.DOTALL)
    assert unescape(box) == ASK
    assert re.findall(r'name="decision" value="(\w+)"', article) == ["release", "hold", "redact"]


@on_postgresql("databases")
def test_each_button_does_what_it_says_and_the_counts_follow(
    manager: FlaskClient, wave: Wave
) -> None:
    first, second, third = rewrite(wave, "All good", ASK, "Nils is a canary")
    for comment_id, decision, typed, says in (
        (first, "release", "All good", "Released: it can go to the provider"),
        (second, "redact", "Ask [...] about [...],\nshe is kind", "Redacted: what is left can go"),
        (third, "hold", "Nils is a canary", "Held back: it goes nowhere"),
    ):
        response = press(manager, wave, comment_id, decision, typed)
        assert (response.status_code, response.location) == (
            303,
            f"/findings/{wave.slug}/comments?show=unread",
        )
        assert says in said(manager.get(response.location))
    assert "released 1 , redacted 1 , held 1 , unread 35" in said(page(manager, wave))
    assert sorted(released_comments(wave)) == ["All good", "Ask [...] about [...],\nshe is kind"]
    for show, comment_id in (("released", first), ("redacted", second), ("held", third)):
        listed = page(manager, wave, show).text
        assert re.findall(r'<article[^>]*"n-(\w+)"', listed) == [comment_id]
    assert "What is left of it:" in page(manager, wave, "redacted").text


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("decision", "typed", "says"),
    [
        ("redact", "Ask [...] about that,\nshe is <kind>", "Only words may be taken out"),
        (
            "release",
            "Ask [...] about INC0012345,\nshe is kind",
            "releasing would send it as it was written",
        ),
    ],
)
def test_a_decision_that_does_not_fit_keeps_what_was_typed(
    manager: FlaskClient, wave: Wave, decision: str, typed: str, says: str
) -> None:
    (first,) = rewrite(wave, ASK)
    response = press(manager, wave, first, decision, typed)
    assert response.status_code == 400
    assert "<title>Error: " in response.text
    assert re.search(rf'<a href="#t-{first}">[^<]*{says}', unescape(response.text))
    (box,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", card(response, first), re.DOTALL)
    assert unescape(box).replace("\r\n", "\n") == typed
    assert (stored(wave, first).review, released_comments(wave)) == ("unread", ())


@on_postgresql("databases")
def test_a_comment_that_is_not_there_is_refused_with_what_to_do(
    manager: FlaskClient, wave: Wave
) -> None:
    response = press(manager, wave, "rubbish", "release", "x")
    assert response.status_code == 400
    assert (
        '<a href="#comments">This comment is not there any more. Open the review again.</a>'
        in response.text
    )
    assert "Choose what to do" in said(press(manager, wave, all_comments(wave)[0].id, "", "x"))


def test_so_many_at_once_and_the_others_when_these_are_decided(
    manager: FlaskClient, wave: Wave
) -> None:
    listed = page(manager, wave)
    assert listed.text.count("<article") == LISTED_AT_ONCE
    assert f"And {38 - LISTED_AT_ONCE} more." in said(listed)
    assert len({tuple(re.findall(r'"n-(\w+)"', page(manager, wave).text)) for _ in range(5)}) == 5


@on_postgresql("databases")
def test_a_group_is_named_only_where_it_points_at_no_small_one(
    manager: FlaskClient, wave: Wave
) -> None:
    named = {
        group
        for _ in range(20)
        for group in re.findall(r"comment from ([^<]+)</h3>", page(manager, wave).text)
    }
    assert named == {"Sales", "Service"}


@on_postgresql("databases")
def test_the_results_lead_managers_to_the_review_and_viewers_see_nothing_of_it(
    app: Flask, client: FlaskClient, wave: Wave
) -> None:
    address = f"/findings/{wave.slug}/comments"
    assert f'href="{address}"' in browser(app, "manager").get(f"/waves/{wave.slug}").text
    viewer = signed_in(client, "viewer")
    assert (
        viewer.get(address).status_code,
        press(viewer, wave, all_comments(wave)[0].id, "release", "x").status_code,
    ) == (403, 403)
    results = viewer.get(f"/waves/{wave.slug}").text
    assert (address in results, CANARY in results) == (False, False)
    assert released_comments(wave) == ()


@on_postgresql("databases")
def test_with_fewer_than_ten_answers_there_is_no_comment_on_any_page(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:9], comment=CANARY)
    slug = close_company(company).slug
    manager = browser(app, "manager")
    for path, status in (
        (f"/findings/{slug}/comments", 409),
        (f"/waves/{slug}", 200),
        (f"/findings/{slug}", 200),
    ):
        response = manager.get(path)
        assert response.status_code == status
        assert not re.search(rf"{CANARY}|name=\"comments\"|Review the comments", response.text), (
            path
        )


@on_postgresql("databases")
def test_a_wave_nobody_commented_on_says_so(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:12])
    slug = close_company(company).slug
    assert "No comment here." in said(
        page(browser(app, "manager"), under_review(slug).findings.wave)
    )

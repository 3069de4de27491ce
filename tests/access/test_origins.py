"""Forms that another site's page has sent are refused, whatever token they hold."""

from collections.abc import Mapping

import pytest
from flask import Flask

from survey.access.rules.open_to import access_of
from tests.access.test_sign_in import PASSWORD, csrf
from tests.cast import open_company
from tests.outside import Browser

OURS, ELSEWHERE = "http://localhost", "https://evil.example"
COUSIN = "http://other.localhost"
LET_IN: list[Mapping[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "Same-Origin", "Origin": OURS},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-site", "Origin": OURS},
    {"Sec-Fetch-Site": "same-site", "Referer": f"{OURS}/account"},
    {"Origin": OURS},
    {"Origin": "HTTP://LOCALHOST"},
    {"Origin": "null"},
    {"Referer": f"{OURS}/account/password"},
]
KEPT_OUT: list[Mapping[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": COUSIN},
    {"Sec-Fetch-Site": "same-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": f"{OURS}:8443"},
    {"Sec-Fetch-Site": "word-to-come"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Origin": ELSEWHERE},
    {"Origin": COUSIN},
    {"Origin": "https://localhost.evil.example"},
    {"Referer": f"{ELSEWHERE}/?{OURS}"},
    {"Referer": "http://[::1"},
]


def choose(client: Browser, headers: Mapping[str, str]) -> tuple[int, str]:
    """What the form for a new password answers."""
    data = {
        "csrf_token": csrf(client, "/account/password"),
        "new_password": PASSWORD,
        "again": PASSWORD,
    }
    answer = client.post("/account/password", data=data, headers=dict(headers))
    return answer.status_code, answer.text


@pytest.mark.parametrize("headers", LET_IN, ids=str)
def test_our_own_forms_and_programs_pass(mira: Browser, headers: Mapping[str, str]) -> None:
    assert choose(mira, headers)[0] == 303


@pytest.mark.parametrize("headers", KEPT_OUT, ids=str)
def test_a_form_of_another_site_is_refused_with_a_sentence(
    mira: Browser, headers: Mapping[str, str]
) -> None:
    status, page = choose(mira, headers)
    assert (status, "This form was sent from another site" in page) == (403, True)
    assert "You have no password yet" in mira.get("/account").text, "nothing was changed"


def test_every_page_for_managers_refuses_it_and_none_refuses_a_look(
    app: Flask, mira: Browser
) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": ELSEWHERE}
    token, tried, open_to_all = csrf(mira, "/account"), 0, set()
    for rule in app.url_map.iter_rules():
        with app.test_request_context():
            address = app.url_map.bind("localhost").build(
                rule.endpoint, dict.fromkeys(rule.arguments, "x"), append_unknown=False
            )
        access = access_of(app.view_functions[rule.endpoint])
        if "POST" in (rule.methods or ()):
            answer = mira.post(address, data={"csrf_token": token}, headers=foreign)
            if access and access.from_anywhere:
                open_to_all.add(rule.endpoint)
                assert answer.status_code != 403, rule
            else:
                assert answer.status_code == 403, rule
                assert "sent from another site" in answer.text
            tried += 1
        if "GET" in (rule.methods or ()):
            assert mira.get(address, headers=foreign).status_code != 403, rule
    assert tried > 40
    assert open_to_all == {
        "answering.answer",
        "answering.confirm_stop",
        "answering.one_click",
        "answering.take_up_again",
    }


def test_an_employee_may_answer_from_wherever_the_mail_was_read(
    app: Flask, stranger: Browser
) -> None:
    company = open_company(app)
    answer = stranger.post(
        f"/stop/{company.wave.slug}", data={"token": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 200

"""What follows a refusal: a link on a page, words at a command line, and never both in the sentence."""

import re
from pathlib import Path

import pytest
from flask import Flask

import survey
from survey.kernel.errors import NotFound, Refused
from survey.kernel.hints import BY_ADMINISTRATOR, HINTS, Link, link_for_page, words_for_command

SOURCE = "\n".join(path.read_text() for path in Path(survey.__file__).parent.rglob("*.py"))


def test_the_table_is_sorted_by_code() -> None:
    assert list(HINTS) == sorted(HINTS)


@pytest.mark.parametrize("code", HINTS)
def test_every_hint_is_of_a_refusal_that_there_is(code: str) -> None:
    raised = set(re.findall(r'Refused\(\s*"([a-z-]+)"', SOURCE))
    missing = {f"unknown-{what}".replace(" ", "-") for what in re.findall(r'NotFound\(\s*"([a-z -]+)"', SOURCE)}
    assert code in raised | missing


@pytest.mark.parametrize("code", [code for code, hint in HINTS.items() if hint.endpoint])
def test_every_link_leads_to_a_page_that_takes_what_the_hint_gives(app: Flask, code: str) -> None:
    hint = HINTS[code]
    assert hint.link
    (rule,) = (rule for rule in app.url_map.iter_rules(hint.endpoint) if "GET" in (rule.methods or ()))
    assert set(hint.takes) == rule.arguments


def test_a_command_line_gets_the_words_and_a_page_the_link() -> None:
    refused = Refused("findings-not-shared", "They have not been shared yet.", wave="it-2027-q1")
    assert words_for_command(refused).endswith("yet. The page for it: /findings/it-2027-q1")
    assert link_for_page(refused) == Link("Share them", "findings.share_page", (("wave", "it-2027-q1"),))


def test_what_has_no_page_is_left_to_an_administrator() -> None:
    assert link_for_page(Refused("import-stopped", "Stopped.")) == Link(BY_ADMINISTRATOR)
    assert link_for_page(NotFound("user", "Nobody of this address may sign in.")) is None
    assert link_for_page(Refused("no-hint-at-all", "No.")) is None


def test_a_refusal_without_a_hint_is_its_sentence_alone() -> None:
    assert words_for_command(Refused("no-hint-at-all", "No.")) == "No."
    assert words_for_command(Refused("interrupted", "Stopped.", again="")) == "Stopped."

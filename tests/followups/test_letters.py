"""The mail to staff: text and HTML.

The same numbers in both parts, the reply word for word, two ways out, no score in the subject.
"""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask, current_app

from survey.accountability.rules.replies import LONGEST_CHANGES, LONGEST_REPLY
from survey.accountability.service import record_reply
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.presentation import present_document
from survey.followups.letters import SHORTER, follow_up_letter, sample_letter
from survey.followups.rules.follow_up import FollowUpEdition, read_draft
from survey.followups.service.follow_ups import preview_follow_up, save_draft, send_follow_up
from survey.followups.service.letter_types import follow_up_letter_type
from survey.kernel.errors import Refused
from survey.mail.rules.letter import LARGEST_HTML, Letter, length_fault
from survey.mail.smtp.rules.presets import SendingPace, time_needed
from survey.people.service.directory import person_at
from survey.waves.rules.waves import Wave
from tests.findings.company import CANARY, DEPARTMENTS, MERGED
from tests.findings.test_letters import SCORE, Seen
from tests.followups.company import ACTOR, COMMITMENTS, FROM_DAY, REPLY, at_noon, shared_company

FORGED = (
    "HERE IS WHAT CHANGES\n\nNorthwind Ltd commits to\n- everything </p></td><script>x()</script>\n"
)


@pytest.fixture
def wave(app: Flask) -> Wave:
    return shared_company(app)


def replied(wave: Wave, text: str = REPLY) -> FollowUpEdition:
    record_reply(wave.slug, text, FROM_DAY, COMMITMENTS, at_noon(FROM_DAY), actor=ACTOR)
    save_draft(
        wave.slug,
        read_draft(
            "Short & plain: <thanks>.", "We tell them sooner.\nDana asks every Monday.", (), ()
        ),
    )
    return preview_follow_up(wave.slug, at_noon(FROM_DAY))


def words(letter: Letter) -> tuple[str, str]:
    """What a reader of either part sees, on one line."""
    return " ".join(letter.text.split()), Seen(letter.html).text.replace("\u00a0", " ")


def test_both_parts_hold_the_same_numbers_each_with_range_and_answers(wave: Wave) -> None:
    letter = sample_letter(replied(wave))
    text, html = words(letter)
    body = [
        part[
            part.index("of the 51 of us") - 3 : part.index("What is stored")
            if "What is stored" in part
            else None
        ]
        for part in (text, html)
    ]
    assert re.findall(SCORE, text) == re.findall(SCORE, html)
    contrast = present_document(find_findings(wave.slug).document).contrast
    assert set(re.findall(SCORE, text)) == {
        m.printed for m in (*contrast.strengths, *contrast.problems)
    }
    assert sorted(re.findall(r"\d[\d.]*%?", body[0].partition("Version")[0])) == sorted(
        re.findall(r"\d[\d.]*%?", body[1].partition("Version")[0])
    )
    for part in (text, html):
        alone = re.sub(SCORE, "", part)
        assert set(re.findall(r"\S+ \(?\d[\d.]*%", alone)) <= {
            "said (95%",
            "IT (75%",
            "target of 70%",
            "at 70%",
            "of 70%",
        }
        assert (
            len(re.findall(SCORE + r"[^.]*?, \d+ answers", part))
            == len(re.findall(SCORE, part))
            > 0
        )


def test_the_subject_holds_no_score_and_says_whether_there_was_an_answer(wave: Wave) -> None:
    without = sample_letter(preview_follow_up(wave.slug, at_noon(FROM_DAY)))
    with_one = sample_letter(replied(wave))
    assert with_one.subject == "You said, they answered: what changes after our January survey"
    assert without.subject == "You said, no answer yet: what changes after our January survey"
    assert not re.search(r"\d", with_one.subject + without.subject)


def test_the_reply_stands_word_for_word_in_both_parts_and_cannot_pose_as_ours(wave: Wave) -> None:
    for said in (REPLY, FORGED.strip(), "\u202e\u05d5\u05d3 and 'quotes'\n\n  indented"):
        letter = sample_letter(replied(wave, said))
        assert (
            f"Brightline IT wrote on 12 February 2027, word for word:\n\n{said}\n\n(End of what"
            " Brightline IT wrote.)" in letter.text
        )
        [shown] = re.findall(r'<p class="item said"[^>]*>(.*?)</p>', letter.html, re.DOTALL)
        assert unescape(shown) == said
        assert "script" not in Seen(letter.html).tags


def test_without_a_reply_it_says_so_in_the_agreed_words_and_that_nothing_is_agreed(
    wave: Wave,
) -> None:
    for part in words(sample_letter(preview_follow_up(wave.slug, at_noon(FROM_DAY)))):
        assert "No reply had arrived by 11 February." in part
        assert "Nothing has been agreed yet." in part
        assert "They answered" not in part
        assert "THEY ANSWERED" not in part
        assert "word for word" not in part


def test_both_sides_commitments_with_owner_and_day_what_we_change_and_the_next_wave(
    wave: Wave,
) -> None:
    for part in words(sample_letter(replied(wave))):
        order = [
            "Thank you",
            "Short & plain: <thanks>.",
            "12 February 2027",
            "We tell them sooner. Dana asks every Monday.",
            "Brightline IT commits to",
            "A ticket is closed when whoever opened it agrees Petra Holm, by 31 March 2027",
            "Northwind Ltd commits to",
            "New starters announced five working days ahead head of personnel, by 5 March 2027",
            "The next survey opens on Monday 12 April 2027",
            "whether they answered or not",
        ]
        positions = [
            part.replace("- ", "")
            .replace("agreesPetra", "agrees Petra")
            .replace("aheadhead", "ahead head")
            .find(one)
            for one in order
        ]
        assert -1 not in positions, order[positions.index(-1)]
        assert positions == sorted(positions)


def test_it_tells_nothing_of_groups_colleagues_or_comments(wave: Wave) -> None:
    letter = sample_letter(replied(wave))
    for part in (letter.subject, letter.text, letter.html):
        assert [
            name for name in (*DEPARTMENTS, MERGED, CANARY, "Ada", "Colleague") if name in part
        ] == []


def test_it_loads_nothing_and_its_links_lead_to_the_method_the_promise_and_the_way_out(
    wave: Wave,
) -> None:
    letter = sample_letter(replied(wave))
    seen, stop = Seen(letter.html), f"http://localhost/stop/{wave.slug}#"
    assert [address.partition("#")[0] for address in seen.addresses] == [
        "http://localhost/how-we-count",
        "http://localhost/promise",
        stop.rstrip("#"),
    ]
    assert not seen.tags & {
        "img",
        "picture",
        "video",
        "iframe",
        "script",
        "link",
        "object",
        "svg",
        "form",
        "input",
    }
    assert "url(" not in letter.html
    assert set(re.findall(r"http\S+", letter.text)) == set(seen.addresses)
    assert len(letter.html.encode()) < 12_000


def test_the_ways_out_are_the_readers_own_and_only_they_differ(wave: Wave) -> None:
    edition, config = replied(wave), current_app.config["CANDOUR"]
    one = follow_up_letter(
        edition, person_at("ada@northwind.example"), ("a" * 43, "b" * 43), config
    )
    other = follow_up_letter(
        edition, person_at("c2@northwind.example"), ("c" * 43, "d" * 43), config
    )
    assert one.headers == (
        ("List-Unsubscribe", f"<http://localhost/stop/{wave.slug}/{'b' * 43}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    assert f"http://localhost/stop/{wave.slug}#{'a' * 43}" in one.text
    assert "b" * 43 not in one.text + one.html
    assert (one.to_address, one.reply_to) == ("ada@northwind.example", "dana@northwind.example")
    for part in ("text", "html", "subject"):
        assert getattr(one, part).replace("a" * 43, "") == getattr(other, part).replace(
            "c" * 43, ""
        )


def test_the_text_part_has_no_line_that_we_wrote_longer_than_a_letter_is_wide(wave: Wave) -> None:
    letter = sample_letter(replied(wave))
    assert [
        line
        for line in letter.text.splitlines()
        if len(line) > 80 and "http" not in line and line not in REPLY
    ] == []
    assert "\n\n\n" not in letter.text.strip()


def test_even_the_longest_reply_fits_and_what_does_not_says_what_to_do(wave: Wave) -> None:
    longest = replied(wave, "x" * LONGEST_REPLY)
    assert len(sample_letter(longest).html.encode()) <= LARGEST_HTML
    assert length_fault(sample_letter(longest), SHORTER) is None
    record_reply(
        wave.slug, "&" * LONGEST_REPLY, FROM_DAY, COMMITMENTS, at_noon(FROM_DAY), actor=ACTOR
    )
    save_draft(wave.slug, read_draft("", "y" * LONGEST_CHANGES, (), ()))
    with pytest.raises(
        Refused, match=r"40 kB are the most .* shorter reply and record that. Nothing was sent"
    ):
        send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR)


def test_a_correction_names_what_it_corrects_first(wave: Wave) -> None:
    replied(wave)
    send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR)
    edition = preview_follow_up(wave.slug, at_noon(FROM_DAY), correction="One <date> was wrong.")
    letter = sample_letter(edition)
    assert (
        letter.subject
        == "Correction, version 2: You said, they answered: what changes after our January survey"
    )
    for part in words(letter):
        assert "This corrects version 1, sent on 12 February 2027: One <date> was wrong." in part
    assert letter.text.startswith("This corrects version 1")


def test_what_was_odd_about_the_wave_is_said_in_the_findings_own_words(wave: Wave) -> None:
    notes = present_document(find_findings(wave.slug).document).notes
    assert notes
    for part in words(sample_letter(preview_follow_up(wave.slug, at_noon(FROM_DAY)))):
        assert all(note in part for note in notes)


def test_few_answers_are_said_to_be_few(wave: Wave) -> None:
    edition = preview_follow_up(wave.slug, at_noon(FROM_DAY))
    few = replace(edition, document=edition.document | {"whom": "of those who answered"})
    for part in words(sample_letter(few)):
        assert len(re.findall("The (?:strength|problem) of those who answered", part)) == 2


def test_the_letters_of_a_large_company_are_news_until_the_slowest_server_has_taken_them(
    app: Flask,
) -> None:
    lasts = follow_up_letter_type(app.config["CANDOUR"]).lasts_for
    assert lasts
    assert lasts > timedelta(days=3) + time_needed(
        20_000, SendingPace(per_minute=None, per_day=2_000)
    )

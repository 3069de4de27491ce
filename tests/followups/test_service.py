"""Replies in versions, and a mail that may go only in time and only once.

It goes to everybody who was invited: nobody more, nobody less.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries, verify_chain
from survey.accountability.service import record_reply, recorded_reply
from survey.database import db, transaction
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import share_findings, sharing_recipients
from survey.followups.rules.composition import follow_up_digest, measures_to_choose
from survey.followups.rules.follow_up import FollowUpDraft, FollowUpEdition, read_draft
from survey.followups.service import follow_ups
from survey.followups.service.follow_ups import FOLLOW_UP, save_draft, send_follow_up
from survey.followups.service.letter_types import follow_up_letter_type
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.invitations import invitations_of
from survey.invitations.service.personal_data import (
    erase_personal_data,
    export_personal_data,
)
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.smtp.service.sender import Connection, Limits
from survey.people.service.directory import import_people, list_people, person_at, remove_person
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.providers.service import add_contacts
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.cast import OPENS
from tests.findings.company import small_company
from tests.followups.company import (
    ACTOR,
    COMMITMENTS,
    FROM_DAY,
    REPLY,
    REPLY_DUE,
    SHARED_AT,
    at_noon,
    shared_company,
)
from tests.mail.postbox import DROP, Postbox, open_postbox
from tests.proofs import on_postgresql

REPLIED = date(2027, 2, 9)


@pytest.fixture
def wave(app: Flask) -> Wave:
    wave = shared_company(app)
    mail.cancel_letters(wave.slug)  # the findings mail is not at issue
    return wave


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as postbox:
        yield postbox


def reply(wave: Wave, text_: str | None = REPLY, day: date | None = REPLIED, **more: Any) -> Any:
    return record_reply(
        wave.slug,
        text_,
        day,
        more.get("commitments", COMMITMENTS),
        at_noon(more.get("on", REPLIED)),
        actor=ACTOR,
    )


def deliver(box: Postbox) -> mail.DeliveryReport:
    return mail.deliver_letters(seconds=60, channel=Connection(box.url, None, Limits(5.0, 10.0)))


def rows(table: str) -> int:
    return int(db.session.execute(text(f'SELECT count(*) FROM "{table}"')).scalar() or 0)


def stop(email: str) -> None:
    secret = draw_stop_secret()
    store_stop_secrets([(person_at(email).id, secret)])
    stop_mails(secret)


def states() -> Counter[str]:
    return Counter(
        db.session.scalars(text("SELECT state FROM outbox WHERE kind = :kind"), {"kind": FOLLOW_UP})
    )


def texts(box: Postbox) -> list[str]:
    return [
        str(part.get_content()) for letter in box.letters() if (part := letter.get_body(("plain",)))
    ]


# Replies


def test_a_correction_is_a_second_version_and_nothing_is_overwritten(wave: Wave) -> None:
    first, second = reply(wave), reply(wave, "Better words.", commitments=COMMITMENTS[:1])
    assert (first.version, second.version, recorded_reply(wave)) == (1, 2, second)
    kept = db.session.execute(text("SELECT version, text FROM reply ORDER BY version")).all()
    assert [tuple(row) for row in kept] == [(1, REPLY), (2, "Better words.")]
    logged = [entry for entry in list_entries() if entry.what == "reply recorded"]
    assert [entry.facts["version"] for entry in logged] == [2, 1]
    assert "Better" not in str(logged)
    assert verify_chain() is None


def test_the_same_reply_again_makes_no_version(wave: Wave) -> None:
    reply(wave)
    before = rows("audit_entry")
    assert reply(wave).version == 1
    assert (rows("reply"), rows("audit_entry")) == (1, before)


def test_commitments_may_be_recorded_before_the_reply_and_never_take_it_away(wave: Wave) -> None:
    assert reply(wave, None, None).text is None
    assert reply(wave).version == 2
    with pytest.raises(Refused, match="recorded already"):
        reply(wave, None, None)
    assert recorded_reply(wave) == replace(reply(wave), version=2)


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("text_", "day", "code"),
    [
        ("", REPLIED, "reply-empty"),
        ("x" * 100_000, REPLIED, "reply-too-long"),
        ("a\0b", REPLIED, "reply-unfit"),
        ("Fine.", None, "reply-day-missing"),
        ("Fine.", date(2027, 2, 10), "reply-day-to-come"),
    ],
)
def test_a_bad_reply_is_refused_and_nothing_is_kept(
    wave: Wave, text_: str, day: date | None, code: str
) -> None:
    before = rows("audit_entry")
    with pytest.raises(Refused) as refused:
        reply(wave, text_, day)
    assert refused.value.code == code
    with pytest.raises(Refused, match="nothing to record"):
        reply(wave, None, None, commitments=())
    assert (rows("reply"), rows("audit_entry")) == (0, before)


def test_before_the_findings_are_shared_there_is_nothing_to_reply_to_and_nothing_to_send(
    app: Flask,
) -> None:
    wave = small_company(app).wave
    for act in (
        lambda: reply(wave),
        lambda: follow_ups.preview_follow_up(wave.slug, SHARED_AT),
        lambda: send_follow_up(wave.slug, SHARED_AT, actor=ACTOR),
    ):
        with pytest.raises(Refused, match="not been shared with Brightline IT yet"):
            act()
    assert rows("reply") + rows("follow_up") == 0


# When it may go


@on_postgresql("databases")
def test_it_is_refused_before_the_reply_is_overdue_and_the_refusal_names_the_day(
    wave: Wave,
) -> None:
    for day in (SHARED_AT.date(), REPLY_DUE):
        with pytest.raises(Refused, match="without one from Friday 12 February 2027"):
            send_follow_up(wave.slug, at_noon(day), actor=ACTOR)
    assert (rows("follow_up"), states()) == (0, Counter())
    assert send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR).version == 1


def test_with_a_reply_it_goes_at_once(wave: Wave) -> None:
    reply(wave)
    assert (
        send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR).document["reply"]["text"] == REPLY
    )


@on_postgresql("databases")
def test_it_goes_once_and_again_only_as_a_correction_that_says_why(
    wave: Wave, box: Postbox
) -> None:
    reply(wave)
    first = send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    for reason in (None, ""):
        with pytest.raises(Refused, match="goes out once"):
            send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR, correction=reason)
    deliver(box)
    second = send_follow_up(
        wave.slug, at_noon(REPLY_DUE), actor=ACTOR, correction="Petra's name was wrong."
    )
    deliver(box)
    assert (first.version, second.version) == (1, 2)
    assert second.document["corrects"] == {
        "version": 1,
        "sent": "2027-02-09",
        "digest": first.digest,
        "why": "Petra's name was wrong.",
    }
    assert Counter(box.recipients) == {person.email: 2 for person in list_people()}
    subjects = Counter(str(letter["Subject"]) for letter in box.letters())
    assert set(subjects.values()) == {51}
    assert [
        subject.startswith("Correction, version 2: You said") for subject in sorted(subjects)
    ] == [True, False]
    with pytest.raises(Refused, match="goes out once"):
        send_follow_up(wave.slug, at_noon(REPLY_DUE), actor=ACTOR)


def test_a_reason_without_anything_to_correct_is_refused(wave: Wave) -> None:
    reply(wave)
    with pytest.raises(Refused, match="nothing to correct"):
        send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR, correction="why")


def test_what_was_not_looked_at_is_not_sent(wave: Wave) -> None:
    reply(wave)
    seen = follow_ups.preview_follow_up(wave.slug, at_noon(REPLIED)).digest
    reply(wave, "Changed our mind.")
    with pytest.raises(Refused, match="changed since you looked"):
        send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR, seen=seen)
    assert rows("follow_up") == 0
    seen = follow_ups.preview_follow_up(wave.slug, at_noon(REPLIED)).digest
    assert send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR, seen=seen).digest == seen


@on_postgresql("databases")
def test_two_managers_who_send_at_one_moment_send_once(app: Flask, wave: Wave) -> None:
    reply(wave)
    outcomes: list[str] = []
    both = threading.Barrier(2, timeout=20)

    def press() -> None:
        with app.app_context():
            both.wait()
            try:
                outcomes.append(
                    f"version {send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR).version}"
                )
            except Refused:
                outcomes.append("refused")
            finally:
                db.session.remove()

    db.session.remove()
    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["refused", "version 1"]
    assert states() == {"ready": 51}


@on_postgresql("databases")
def test_whoever_sends_while_another_does_waits_and_is_refused(
    app: Flask, wave: Wave, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins when the first has checked and not yet stored.

    Without a lock both would send.
    """
    reply(wave)
    outcomes: list[str] = []
    written = follow_ups.preview_follow_up

    def press() -> None:
        with app.app_context():
            try:
                outcomes.append(
                    f"version {send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR).version}"
                )
            except Refused as refused:
                outcomes.append(refused.code)
            finally:
                db.session.remove()

    second = threading.Thread(target=press)

    def slowly(*words: Any, **more: Any) -> Any:
        if not second.ident:
            second.start()
            second.join(timeout=1)
        return written(*words, **more)

    monkeypatch.setattr(follow_ups, "preview_follow_up", slowly)
    press()
    second.join(timeout=60)
    assert outcomes == ["version 1", "follow-up-sent-already"]
    assert states() == {"ready": 51}


# Who gets it


@on_postgresql("databases")
def test_everybody_invited_gets_one_whether_they_answered_or_not(wave: Wave, box: Postbox) -> None:
    reply(wave)
    assert find_findings(wave.slug).document["answered"] == 38
    edition = send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    report = deliver(box)
    assert (report.sent, report.problem) == (51, "")
    assert sorted(box.recipients) == sorted(person.email for person in list_people())
    assert {str(letter["Subject"]) for letter in box.letters()} == {
        "You said, they answered: what changes after our January survey"
    }
    assert all(
        REPLY in words.replace("\r\n", "\n") and edition.digest[7:23] in words
        for words in texts(box)
    )
    assert deliver(box).sent == 0
    assert mail.delivery_status(wave.slug).counts(FOLLOW_UP) == {"sent": 51}


@on_postgresql("databases")
def test_without_a_reply_it_goes_all_the_same_and_says_so(wave: Wave, box: Postbox) -> None:
    reply(wave, None, None)
    send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR)
    deliver(box)
    assert len(box.recipients) == 51
    assert {str(letter["Subject"]) for letter in box.letters()} == {
        "You said, no answer yet: what changes after our January survey"
    }
    assert all(
        "No reply had arrived by 11 February." in words and "New starters announced" in words
        for words in texts(box)
    )


@on_postgresql("databases")
def test_whoever_has_stopped_survey_mails_gets_none_and_a_stop_on_the_way_counts(
    wave: Wave, box: Postbox
) -> None:
    reply(wave)
    stop("ada@northwind.example")
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    stop("c2@northwind.example")  # between queue and sending
    deliver(box)
    assert {"ada@northwind.example", "c2@northwind.example"} & set(box.recipients) == set()
    assert len(box.recipients) == 49
    assert "stop" not in " ".join(str(entry.facts) + entry.what for entry in list_entries())


@on_postgresql("databases")
def test_a_stop_or_a_correction_between_writing_and_handing_over_is_heeded_and_leaves_no_secret(
    app: Flask, wave: Wave, box: Postbox
) -> None:
    reply(wave)
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    known, written = rows("stop_code"), follow_up_letter_type(app.config["CANDOUR"])

    def write(letter: mail.QueuedLetter) -> mail.PreparedLetter | None:
        draft = written.write(letter)
        if draft and draft.letter.to_address == "ada@northwind.example":
            stop("ada@northwind.example")
        if draft and draft.letter.to_address == "c2@northwind.example":
            correct_invited_address("c2@northwind.example", "c2.new@northwind.example", actor=ACTOR)
        return draft

    mail.register_letter_type(app, replace(written, write=write))
    deliver(box)
    follow_ups = [str(each["To"]) for each in box.letters() if "staff list" not in each["Subject"]]
    assert not [to for to in follow_ups if "<ada@" in to or "<c2@" in to]
    assert states() == {"sent": 49, "cancelled": 2}
    assert (
        rows("stop_code") == known + 1 + 2 * 49
    )  # the one that stopped; each letter's two ways out


@on_postgresql("databases")
def test_who_left_or_was_erased_gets_none_and_a_corrected_address_gets_it(
    wave: Wave, box: Postbox
) -> None:
    reply(wave)
    remove_person("c2@northwind.example")
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    remove_person("c3@northwind.example")
    erase_personal_data("c4@northwind.example")
    correct_invited_address("ada@northwind.example", "ada.berg@northwind.example", actor=ACTOR)
    deliver(box)
    assert len(box.recipients) == 48 + 1
    assert "ada.berg@northwind.example" in box.recipients
    assert box.recipients[0] == "ada@northwind.example", "the old address is told, and no more"
    assert not {f"c{n}@northwind.example" for n in (2, 3, 4)} & set(box.recipients)
    assert box.recipients.count("ada@northwind.example") == 1


@on_postgresql("databases")
def test_a_newcomer_who_was_not_invited_gets_none(wave: Wave, box: Postbox) -> None:
    reply(wave)
    import_people(b"email,name,department\nnew@northwind.example,New,Sales\n")
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    deliver(box)
    assert "new@northwind.example" not in box.recipients
    assert len(box.recipients) == 51


@on_postgresql("databases")
def test_a_dropped_connection_doubles_at_most_one_letter_and_loses_none(
    wave: Wave, box: Postbox
) -> None:
    reply(wave)
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    box.answers["DATA"] = ["250 kept", "250 kept", DROP]
    deliver(box)
    db.session.execute(text("UPDATE outbox SET next_at = :past"), {"past": "2020-01-01 00:00:00"})
    db.session.execute(text("UPDATE mail_channel SET away_until = NULL"))
    db.session.commit()
    deliver(box)
    assert set(box.recipients) == {person.email for person in list_people()}
    assert len(box.recipients) == 51
    messages = [str(letter["Message-ID"]) for letter in box.letters()]
    assert len(set(messages)) == 51


@on_postgresql("databases")
def test_the_copy_of_ones_own_data_tells_of_the_mail(wave: Wave, box: Postbox) -> None:
    before = export_personal_data("ada@northwind.example")["invitations"]
    reply(wave)
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    deliver(box)
    [after] = export_personal_data("ada@northwind.example")["invitations"]  # type: ignore[misc]
    assert isinstance(before, list)
    assert after == before[0] | {FOLLOW_UP: "sent"}


# What was sent stays what it was


def test_what_was_sent_is_frozen_whole_and_the_log_names_its_digest(wave: Wave) -> None:
    reply(wave)
    save_draft(wave.slug, read_draft("Hello.", "We call sooner.", (), ()))
    edition = send_follow_up(wave.slug, at_noon(REPLIED), actor="mira@northwind.example")
    reply(wave, "Something else.")
    save_draft(wave.slug, FollowUpDraft("Other words.", "Nothing."))
    kept = follow_ups.find_edition(wave)
    assert kept == edition
    assert kept.document == edition.document
    assert follow_up_digest(kept.document) == edition.digest
    assert (kept.document["changes"], kept.document["findings"]["digest"]) == (
        "We call sooner.",
        find_findings(wave.slug).digest,
    )
    [logged] = [entry for entry in list_entries() if entry.what == "follow-up sent"]
    assert (logged.who, logged.facts) == (
        "mira@northwind.example",
        {"wave": wave.slug, "version": 1, "digest": edition.digest, "letters": 51, "reply": 1},
    )


@on_postgresql("databases")
def test_a_mail_changed_in_the_database_is_neither_shown_nor_sent(wave: Wave, box: Postbox) -> None:
    reply(wave)
    send_follow_up(wave.slug, at_noon(REPLIED), actor=ACTOR)
    with transaction() as session:
        document = json.loads(session.execute(text("SELECT document FROM follow_up")).scalar_one())
        document["reply"]["text"] = "We are the best."
        session.execute(
            text("UPDATE follow_up SET document = :changed"), {"changed": json.dumps(document)}
        )
    with pytest.raises(Refused, match="was changed in the database"):
        follow_ups.find_edition(wave)
    deliver(box)
    assert box.recipients == []
    assert follow_ups.waves_awaiting_follow_up(at_noon(FROM_DAY)) == ()  # the dashboard still works


def test_the_same_facts_give_the_same_document(wave: Wave) -> None:
    reply(wave)
    one, other = (follow_ups.preview_follow_up(wave.slug, at_noon(REPLIED)) for _ in range(2))
    assert one == other
    assert follow_ups.preview_follow_up(wave.slug, at_noon(REPLY_DUE)).digest != one.digest


# What it says


def preview(wave: Wave) -> FollowUpEdition:
    return follow_ups.preview_follow_up(wave.slug, at_noon(FROM_DAY))


def test_a_chosen_measure_stands_there_and_the_mail_says_who_chose(wave: Wave) -> None:
    by_rule = preview(wave).document
    taken = {m["question"] for m in (*by_rule["strengths"], *by_rule["problems"])}
    [other] = [m for m in measures_to_choose(find_findings(wave.slug)) if m.question not in taken]
    save_draft(wave.slug, read_draft("", "", (), (other.question,)))
    document = preview(wave).document
    assert [(m["question"], m["score"], m["range"]) for m in document["problems"]] == [
        (other.question, other.score, other.range)
    ]
    assert document["of_problems"] == "Chosen by Northwind Ltd."
    assert (document["strengths"], document["of_strengths"]) == (
        by_rule["strengths"],
        by_rule["of_strengths"],
    )


def test_choosing_what_the_rule_chose_is_no_choice_and_a_measure_stands_on_one_side_only(
    wave: Wave,
) -> None:
    by_rule = preview(wave).document
    save_draft(wave.slug, read_draft("", "", (), [m["question"] for m in by_rule["problems"]]))
    assert preview(wave).document["of_problems"] == by_rule["of_problems"]
    save_draft(wave.slug, read_draft("", "", (), [m["question"] for m in by_rule["strengths"]]))
    document = preview(wave).document
    assert (document["strengths"], document["problems"]) == ([], by_rule["strengths"])


@on_postgresql("databases")
@pytest.mark.parametrize("question", ["NOPE", "OPN1", "Sales", "\0", "x" * 999])
def test_what_the_findings_do_not_show_for_the_company_cannot_be_chosen(
    wave: Wave, question: str
) -> None:
    with pytest.raises(Refused, match="no measure that these findings show"):
        save_draft(wave.slug, FollowUpDraft(strengths=(question,)))
    assert rows("follow_up_draft") == 0


def test_the_next_wave_is_named_and_a_void_one_is_passed_over(wave: Wave) -> None:
    planned = [
        other
        for other in waves.list_waves()
        if other.survey_id == wave.survey_id and other.opens > OPENS
    ]
    assert preview(wave).document["following"] == {
        "wave": planned[0].slug,
        "opens": "2027-04-12",
        "is_open": False,
    }
    late = planned[0].opens_at + timedelta(days=1)
    assert follow_ups.preview_follow_up(wave.slug, late).document["following"]["is_open"]
    with transaction() as session:
        session.execute(
            text("UPDATE wave SET state = 'void' WHERE id = :id"), {"id": planned[0].id}
        )
    assert preview(wave).document["following"] is None


def test_nothing_of_groups_people_or_comments_is_in_the_document(wave: Wave) -> None:
    reply(wave)
    told = json.dumps(preview(wave).document)
    names = {invitation.group for invitation, _ in invitations_of(wave.id)} | {
        person.name for person in list_people()
    }
    assert [name for name in (*names, "canarycomment") if name in told] == []


# Who waits


def test_only_the_newest_shared_wave_waits_until_staff_have_heard(wave: Wave) -> None:
    [(waiting, standing)] = follow_ups.waves_awaiting_follow_up(at_noon(FROM_DAY))
    assert (waiting.slug, standing.is_overdue, standing.is_replied) == (wave.slug, False, False)
    assert follow_ups.waves_awaiting_follow_up(at_noon(date(2027, 2, 19)))[0][1].is_overdue
    send_follow_up(wave.slug, at_noon(FROM_DAY), actor=ACTOR)
    assert follow_ups.waves_awaiting_follow_up(at_noon(date(2027, 2, 19))) == ()
    assert [
        standing.edition is not None for _, standing in follow_ups.list_standings(at_noon(FROM_DAY))
    ] == [True]


def test_a_second_contact_who_gets_the_findings_later_moves_no_date(wave: Wave) -> None:
    add_contacts("Brightline IT", [("Petra Holm", "petra@brightline.example")])
    later = [contact.id for contact in sharing_recipients(wave)[1] if contact.name == "Petra Holm"]
    share_findings(wave.slug, later, at_noon(date(2027, 2, 5)), actor=ACTOR)
    standing = follow_ups.follow_up_standing(wave, at_noon(FROM_DAY))
    assert standing
    assert (standing.shared, standing.reply_due) == (SHARED_AT.date(), REPLY_DUE)

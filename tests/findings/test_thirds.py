"""Monthly thirds that add up to a quarter: the worked example, counted on both databases."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.charts import drawings
from survey.counting import service as counting
from survey.counting.service import pool_thirds, void_wave
from survey.database import db
from survey.findings.commands import findings_group
from survey.findings.document.rules import pooling
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.service.documents import earlier_findings, find_findings
from survey.findings.service.sharing import share_findings, sharing_recipients
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.wording import NEEDS_ALL_THIRDS
from survey.kernel.errors import Refused
from survey.mail.outbox.service.delivery import deliver_letters
from survey.mail.smtp.service.catcher import Catcher
from survey.responses.service.comments import released_comments
from survey.schedule import tick
from survey.statistics import proportion_interval
from survey.waves import service as waves
from survey.waves.rules.waves import Target, WaveState
from tests.answering.today import everything_stored
from tests.cast import OPENS, answer, close_company, decide, under_review
from tests.findings.quarter import (
    EXAMPLE,
    THIRDS,
    WITH_A_VOID_THIRD,
    Quarter,
    answered,
    counted_quarter,
    next_planned,
    opened,
    planned_thirds,
)
from tests.outside import browser
from tests.proofs import on_postgresql

CANARY = "canarycomment"
JUDGED = (
    "Meets",
    "Misses",
    "Too close",
    "meets",
    "misses",
    "too close",
    "target of",
    "Clearly",
    "clear change",
)
Document = dict[str, Any]


def overall(document: Document) -> Document:
    (measure,) = [
        m for m in document["measures"] if (m["question"], m["statistic"]) == ("OVR1", "top2")
    ]
    return dict(measure)


def documents(quarter: Quarter) -> list[Document]:
    return [
        find_findings(third.slug).document
        for third in quarter.thirds
        if third.state is WaveState.COUNTED
    ]


def satisfied(document: Document) -> tuple[int, int]:
    measure = overall(document)
    return round(measure["estimate"] * measure["answers"]), measure["answers"]


def run(*words: str) -> str:
    done = CliRunner().invoke(
        findings_group, words, catch_exceptions=False, help_option_names=["-h", "--help"]
    )
    assert done.exit_code == 0, done.output
    return done.output


@on_postgresql("databases")
def test_the_quarter_is_the_plain_sum_of_its_thirds_with_range_and_verdict(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app)
    assert [third.slug for third in quarter.thirds] == [
        "desk-2027-01",
        "desk-2027-02",
        "desk-2027-03",
    ]
    assert sorted(third.invited for third in quarter.thirds) == [20, 20, 21]
    assert sorted(map(satisfied, documents(quarter))) == sorted(EXAMPLE)
    document = find_findings("desk-2027-q1").document
    measure, level = overall(document), proportion_interval(28, 39, 61)
    assert (
        satisfied(document),
        measure["population"],
        document["invited"],
        document["answered"],
    ) == ((28, 39), 61, 61, 39)
    assert (measure["low"], measure["high"], measure["verdict"]) == (level.low, level.high, "meets")
    assert round(100 * document["response_rate"]) == 64
    assert (document["wave"]["opened"], document["wave"]["closed"]) == ("2027-01-11", "2027-03-25")
    assert quarter.pool.named == "Desk, Q1 2027"
    assert [
        entry.facts["thirds"] for entry in list_entries() if entry.what == "thirds added up"
    ] == [[third.slug for third in quarter.thirds]]


@on_postgresql("databases")
def test_nobody_was_written_to_by_a_quarter(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app)
    page = browser(app, "manager").get(f"/waves/{quarter.pool.slug}/mail").text
    assert "It adds up the three thirds of its quarter" in page
    assert "Everybody was written to" not in page
    assert "handed over" not in page


@on_postgresql("databases")
def test_a_quarter_with_a_void_third_counts_its_people_and_has_no_scores(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app, WITH_A_VOID_THIRD)
    (void,) = [third for third in quarter.thirds if third.state is WaveState.VOID]
    assert (void.invited, void.void_words) == (21, "fewer than 5 people answered")
    document = find_findings(quarter.pool.slug).document
    assert (document["invited"], document["answered"]) == (61, 27)
    assert round(100 * document["response_rate"]) == 44
    shown = present_document(document)
    assert "fewer than 5 people answered" in shown.made_of
    assert "4 of 21" not in json.dumps(document) + shown.made_of + shown.lede
    assert [third["answered"] for third in document["thirds"] if third["wave"] == void.slug] == [
        None
    ]
    assert shown.whom == "of those who answered"
    assert "is void (fewer than 5 people answered). So the quarter has no scores." in shown.made_of
    assert says_nothing(document)
    page = browser(app, "manager").get(f"/waves/{quarter.pool.slug}")
    assert (page.status_code, NEEDS_ALL_THIRDS in unescape(page.text)) == (200, True)
    assert as_csv(find_findings(quarter.pool.slug)).count(NEEDS_ALL_THIRDS) == 4
    assert document["headline"] == "27 of 61 people answered"


def says_nothing(document: Document) -> bool:
    """Whether a quarter has words and no number on every question, and says why."""
    lost_time = document["lost_time"]
    figures = [*document["measures"], *document["distributions"], *lost_time.values()]
    hidden = [figure for figure in figures if isinstance(figure, dict)]
    return all((part["shown"], part["words"]) == (False, NEEDS_ALL_THIRDS) for part in hidden)


@on_postgresql("databases")
def test_no_page_mail_file_or_command_judges_a_single_third(app: Flask) -> None:
    planned_thirds()
    quarter, reader = counted_quarter(app), browser(app, "manager")
    assert "Meets" in reader.get(f"/waves/{quarter.pool.slug}").text
    for third in quarter.thirds:
        findings = find_findings(third.slug)
        page = reader.get(f"/waves/{third.slug}")
        said = [page.text, as_csv(findings), run("show", third.slug), json.dumps(findings.document)]
        assert page.status_code == 200
        assert (
            "13 of 20 people answered" in said[0] or "14 of 20" in said[0] or "12 of 21" in said[0]
        )
        assert [word for word in JUDGED for text_ in said if word in text_] == []
        assert (
            not {"target", "verdict", "break_even", "change", "status"}
            & overall(findings.document).keys()
        )
        _, _, after = reader.get("/").text.partition(f"/waves/{third.slug}")
        row = after.partition("</tr>")[0]
        assert not [word for word in JUDGED if word in row]
        assert "one third" in row
        assert f"/waves/{quarter.pool.slug}" in page.text


@on_postgresql("databases")
def test_a_third_shows_shares_and_nothing_from_which_more_could_be_subtracted(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app, comment=CANARY)
    for document in documents(quarter):
        assert [(m["question"], m["statistic"], m["group"]) for m in document["measures"]] == [
            ("OVR1", "top2", None)
        ]
        assert (document["distributions"], document["year"], document["drivers"]) == (
            [],
            None,
            None,
        )
        assert document["lost_time"]["share_over_2h"]["shown"]
        assert not document["lost_time"]["hours_per_week"]["shown"]
        assert document["comments"]["held_back"] == 0
        (group,) = document["groups"]
        assert group["departments"] == ["Legal", "Sales", "Service", "Warehouse"]
    pool = find_findings(quarter.pool.slug).document
    assert {m["statistic"] for m in pool["measures"]} == {"top2", "mean"}
    assert [d["shown"] for d in pool["distributions"]] == [True, True]
    assert pool["comments"]["held_back"] == 39


@on_postgresql("databases")
def test_a_third_is_not_shared_and_the_quarter_is(app: Flask, tmp_path: Path) -> None:
    planned_thirds()
    first = opened(app, next_planned())
    answered(first, 9, 13)
    third, reader = close_company(first), browser(app, "manager")
    otto = sharing_recipients(waves.list_waves("IT support")[0])[1][0]
    for attempt in (
        lambda: sharing_recipients(third),
        lambda: share_findings(third.slug, [otto.id], third.closes_at, actor="test"),
        lambda: run("share", third.slug, "--to", "provider", "--dry-run"),
    ):
        with pytest.raises(
            Refused,
            match=r"carries no verdict, so it is not shared. The quarter is, once its three thirds",
        ):
            attempt()
    for address in (f"/findings/{third.slug}", f"/findings/{third.slug}/letter"):
        page = reader.get(address)
        assert page.status_code == 409
        assert "carries no verdict, so it is not shared" in page.text
    assert waves.find_wave(third.slug).state is WaveState.COUNTED
    quarter = Quarter((third,))
    for satisfied_, answers in EXAMPLE[1:]:
        company = opened(app, next_planned())
        answered(company, satisfied_, answers)
        close_company(company)
    with pytest.raises(Refused, match="Share the quarter: desk-2027-q1"):
        sharing_recipients(third)
    assert "61 invited, 39 answered" in run(
        "share", "desk-2027-q1", "--to", "provider", "--dry-run"
    )
    (sent,) = share_findings(quarter.pool.slug, [otto.id], quarter.pool.closes_at, actor="test")
    catcher = Catcher(tmp_path / "caught")
    deliver_letters(seconds=30, channel=catcher)
    (letter,) = [one for one in catcher.letters() if "staff survey" in one.subject]
    body = " ".join(letter.text.split())
    assert "61 invited, 39 answered (64%), 11 January 2027 to 25 March 2027" in body
    assert (
        "A third of the people was asked each month, and what they said is added up: 13 of" in body
    )
    assert sent.findings.wave.slug == "desk-2027-q1"
    assert waves.find_wave("desk-2027-q1").state is WaveState.SHARED


@on_postgresql("databases")
def test_what_people_wrote_comes_with_the_quarter_shuffled_over_its_months(app: Flask) -> None:
    planned_thirds()
    reader = browser(app, "manager")
    for month, (satisfied_, answers) in enumerate(EXAMPLE):
        company = opened(app, next_planned())
        answered(company, satisfied_, answers, f"{CANARY}{month}-")
        third = close_company(company)
        if month < 2:
            held = str(db.session.execute(text("SELECT id FROM comment LIMIT 1")).scalar_one())
            assert released_comments(third) == ()
            assert CANARY not in reader.get(f"/waves/{third.slug}").text
            with pytest.raises(Refused, match="is read with the quarter"):
                under_review(third.slug)
            with pytest.raises(Refused, match="is read with the quarter"):
                decide(third.slug, held, "release", actor="test")
            assert CANARY not in reader.get(f"/findings/{third.slug}/comments").text
    pool = waves.find_wave("desk-2027-q1")
    rows = db.session.execute(text("SELECT wave_id, group_name, state FROM comment")).all()
    assert {tuple(row) for row in rows} == {(pool.id, None, "unread")}
    (question,) = under_review(pool.slug).questions
    assert question.question.startswith("What one thing")
    said = [comment.text for comment in question.comments]
    assert sorted(said) == sorted(
        f"{CANARY}{month}-{number}" for month in range(3) for number in range(EXAMPLE[month][1])
    )
    months = [one.removeprefix(CANARY)[0] for one in said]
    assert months != sorted(months)
    by_key = [
        str(row.text)[len(CANARY)]
        for row in db.session.execute(text("SELECT text FROM comment ORDER BY id"))
    ]
    assert by_key != sorted(by_key)
    assert len(under_review(pool.slug).questions[0].comments) == 39
    assert CANARY in reader.get(f"/findings/{pool.slug}/comments").text


@on_postgresql("databases")
def test_a_quarter_is_added_up_once_however_often_and_from_how_many_sides(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app)
    tick(app.config["CANDOUR"], quarter.pool.closes_at)
    before = everything_stored()
    assert pool_thirds(actor="test") == ()
    tick(app.config["CANDOUR"], quarter.pool.closes_at)
    assert everything_stored() == before


def test_two_processes_that_add_up_at_once_make_one_quarter(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned_thirds()
    with monkeypatch.context() as patched:
        patched.setattr(counting, "pool_thirds", lambda *, actor: ())
        counted_quarter(app)
    assert waves.due_to_pool()
    db.session.rollback()
    start, made, faults = threading.Barrier(2), [], []

    def add_up() -> None:
        with app.app_context():
            start.wait(timeout=20)
            try:
                made.extend(pool_thirds(actor="test"))
            except Exception as error:  # noqa: BLE001 - told below
                faults.append(error)

    threads = [threading.Thread(target=add_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (faults, [item.slug for item in made]) == ([], ["desk-2027-q1"])


@on_postgresql("databases")
def test_a_pass_of_the_timetable_adds_up_what_a_crash_left(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned_thirds()
    with monkeypatch.context() as patched:
        patched.setattr(counting, "pool_thirds", lambda *, actor: ())
        last = counted_quarter(app, comment=CANARY).thirds[-1]
    with pytest.raises(Refused, match="no wave"):
        find_findings("desk-2027-q1")
    assert "desk-2027-q1 added up from its thirds" in tick(app.config["CANDOUR"], last.closes_at)
    assert satisfied(find_findings("desk-2027-q1").document) == (28, 39)


@on_postgresql("databases")
def test_the_quarter_waits_for_its_last_third(app: Flask) -> None:
    planned_thirds()
    for satisfied_, answers in EXAMPLE[:2]:
        company = opened(app, next_planned())
        answered(company, satisfied_, answers)
        close_company(company)
        assert waves.pool_of(company.wave) is None
    company = opened(app, next_planned())
    assert pool_thirds(actor="test") == ()
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong list", actor="test")
    document = find_findings("desk-2027-q1").document
    assert (document["answered"], document["invited"]) == (27, 61)
    assert "is void (wrong list)" in present_document(document).made_of


@on_postgresql("databases")
def test_a_third_that_was_never_asked_has_no_people_in_the_number(app: Flask) -> None:
    planned_thirds()
    for satisfied_, answers in EXAMPLE[:2]:
        company = opened(app, next_planned())
        answered(company, satisfied_, answers)
        close_company(company)
    missed = next_planned()
    assert missed.third == 3
    tick(app.config["CANDOUR"], missed.opens_at + timedelta(days=20))
    document = find_findings("desk-2027-q1").document
    assert document["invited"] == sum(third["invited"] for third in document["thirds"][:2])
    assert "one third was not asked (not opened in time)" in present_document(document).made_of


@on_postgresql("databases")
def test_a_quarter_of_which_one_third_could_be_counted_has_no_scores(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app, ((1, 3), (9, 13), (1, 3)))
    assert [third.state.value for third in quarter.thirds].count("void") == 2
    document = find_findings(quarter.pool.slug).document
    assert (document["invited"], document["answered"]) == (61, 13)
    assert says_nothing(document)


@on_postgresql("databases")
def test_a_quarter_without_a_counted_third_has_no_result(app: Flask) -> None:
    planned_thirds()
    quarter = counted_quarter(app, ((1, 3), (1, 4), (1, 2)))
    assert waves.pool_of(quarter.thirds[0]) is None
    assert waves.due_to_pool() == ()


@on_postgresql("databases")
def test_a_quarter_asks_the_same_and_is_held_to_the_same_target_in_all_its_months(
    app: Flask,
) -> None:
    planned_thirds()
    first = opened(app, next_planned())
    answered(first, 9, 13)
    close_company(first)
    waves.set_target(THIRDS, "OVR1", Target(0.9))
    db.session.execute(text("UPDATE survey SET questionnaire = 'quarterly_8' WHERE slug = 'desk'"))
    db.session.commit()
    for satisfied_, answers in EXAMPLE[1:]:
        company = opened(app, next_planned())
        assert company.wave.questionnaire_version == first.wave.questionnaire_version
        answered(company, satisfied_, answers)
        close_company(company)
    assert overall(find_findings("desk-2027-q1").document)["target"] == 0.5
    following = opened(app, next_planned())
    assert (following.wave.quarter, following.wave.targets["OVR1"].target) == ("2027-q2", 0.9)
    assert following.wave.questionnaire_version != first.wave.questionnaire_version


@on_postgresql("databases")
def test_a_quarter_is_compared_with_the_one_before_and_a_third_with_nothing(app: Flask) -> None:
    planned_thirds()
    quarters = [
        counted_quarter(app),
        counted_quarter(app, ((3, 15), (3, 15), (3, 15))),
        counted_quarter(app),
    ]
    change = overall(find_findings("desk-2027-q2").document)["change"]
    assert (change["since"], change["answers"], change["direction"]) == (
        "desk-2027-q1",
        [45, 39],
        "down",
    )
    shown = present_document(find_findings("desk-2027-q2").document)
    assert shown.change
    assert (shown.change.since, shown.changed) == (
        "Q1 2027",
        "Clearly down since Q1 2027: Satisfied overall.",
    )
    assert overall(find_findings("desk-2027-q1").document).get("change") is None
    assert [third.baseline for quarter in quarters for third in quarter.thirds] == [True] * 6 + [
        False
    ] * 3
    assert [quarter.pool.baseline for quarter in quarters] == [True, True, False]
    assert find_findings("desk-2027-q3").document["year"]["waves"] == [
        "desk-2027-q1",
        "desk-2027-q2",
        "desk-2027-q3",
    ]
    for quarter in quarters:
        assert all(
            "change" not in measure
            for document in documents(quarter)
            for measure in document["measures"]
        )


@on_postgresql("databases")
def test_the_trend_joins_quarters_and_shows_thirds_beside_the_line(app: Flask) -> None:
    planned_thirds()
    quarters = [counted_quarter(app), counted_quarter(app)]
    pool = quarters[1].pool
    shown = present_document(find_findings(pool.slug).document, earlier_findings(pool))
    assert shown.trend
    assert [(point.label, point.is_partial) for point in shown.trend.points] == [
        *[(month, True) for month in ("Jan 27", "Feb 27", "Mar 27")],
        ("Q1 2027", False),
        *[(month, True) for month in ("Apr 27", "May 27", "Jun 27")],
        ("Q2 2027", False),
    ]
    assert [row[3] for row in shown.trend.rows if row[0].startswith("Q")] == ["39", "39"]
    assert sum("(one third)" in row[0] for row in shown.trend.rows) == 6
    drawing = drawings.draw_trend(shown.trend.points, shown.trend.target)
    (line,) = [part for part in drawing.split("<") if part.startswith("polyline")]
    assert len(line.partition('points="')[2].partition('"')[0].split()) == 2
    assert drawing.count('r="3"') == 6
    assert "Target 50%" in drawing
    third = quarters[1].thirds[2]
    alone = present_document(find_findings(third.slug).document, earlier_findings(third))
    assert alone.trend
    assert alone.trend.target is None


@on_postgresql("databases")
def test_the_newest_result_is_the_quarters(app: Flask) -> None:
    planned_thirds()
    company = opened(app, next_planned())
    answered(company, 9, 13)
    close_company(company)
    assert find_findings("latest").wave.slug == "desk-2027-01"
    counted_quarter_rest(app)
    assert find_findings("latest").wave.slug == "desk-2027-q1"
    months = [f"desk-2027-0{month}" for month in range(1, 5)]
    assert [item.slug for item in waves.list_waves(THIRDS)] == [
        *months[:3],
        "desk-2027-q1",
        months[3],
    ]


def counted_quarter_rest(app: Flask) -> None:
    for satisfied_, answers in EXAMPLE[1:]:
        company = opened(app, next_planned())
        answered(company, satisfied_, answers)
        close_company(company)


@on_postgresql("databases")
def test_an_imported_wave_that_holds_the_quarters_name_is_in_nobodys_way(app: Flask) -> None:
    planned_thirds()
    waves.plan_past_wave(
        THIRDS,
        "desk-2027-q1",
        OPENS.date().replace(year=2026),
        OPENS.date().replace(year=2026, month=2),
    )
    quarter = counted_quarter(app)
    assert quarter.pool.slug == "desk-2027-q1-thirds"
    assert satisfied(find_findings(quarter.pool.slug).document) == (28, 39)


def hide_in_one_third(app: Flask) -> Callable[[], object]:
    """Two whole thirds, and one in which only three say how much time they lost.

    The last is yet to be counted.
    """
    for month, (satisfied_, answers) in enumerate(EXAMPLE):
        company = opened(app, next_planned())
        if month < 2:
            answered(company, satisfied_, answers)
            close_company(company)
            continue
        for number, code in enumerate(company.codes[:answers]):
            said = {"OVR1": "4"} | ({"EFF2": "5"} if number < 3 else {})
            assert answer(company, code, said).outcome.value == "sent"
    return lambda: close_company(company)


@on_postgresql("databases")
def test_what_a_third_hides_cannot_be_subtracted_from_its_quarter(app: Flask) -> None:
    planned_thirds()
    hide_in_one_third(app)()
    quarter = find_findings("desk-2027-q1")
    thirds = [find_findings(f"desk-2027-0{month}").document for month in (1, 2, 3)]
    shares = [third["lost_time"]["share_over_2h"] for third in thirds]
    assert [share["shown"] for share in shares] == [True, True, False]
    whole = quarter.document["lost_time"]
    without = {"shown": False, "words": NEEDS_ALL_THIRDS}
    assert (whole["share_over_2h"], whole["hours_per_week"]) == (without, without)
    assert overall(quarter.document)["answers"] == 39


@on_postgresql("databases")
@pytest.mark.parametrize(("answers", "shown"), [(10, True), (9, False)])
def test_a_quarter_has_a_score_where_each_third_has_ten_answers(
    app: Flask, answers: int, *, shown: bool
) -> None:
    """One third of nine answers, whose own share is shown, takes the value from the whole."""
    planned_thirds()
    quarter = counted_quarter(app, ((9, 13), (11, 14), (6, answers)))
    thirds = [overall(document) for document in documents(quarter)]
    assert [third["shown"] for third in thirds] == [True] * 3
    whole = overall(find_findings(quarter.pool.slug).document)
    if shown:
        assert (whole["answers"], whole["population"]) == (27 + answers, 61)
        assert whole["estimate"] == pytest.approx(26 / (27 + answers))
    else:
        assert (whole["shown"], whole["words"]) == (False, NEEDS_ALL_THIRDS)
        assert not {"estimate", "answers", "verdict", "target"} & whole.keys()


@on_postgresql("databases")
def test_a_quarter_that_would_tell_what_a_third_hides_is_not_published(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned_thirds()
    close = hide_in_one_third(app)
    monkeypatch.setattr(pooling, "_together", everything_together)
    with pytest.raises(Refused, match="Hidden answers of desk-2027-q1 could be worked out"):
        close()
    assert waves.find_wave("desk-2027-03").state is WaveState.COUNTED
    assert waves.pool_of(waves.find_wave("desk-2027-03")) is None


def everything_together(question: Any, cells: Any) -> Any:
    first, *rest = cells
    return sum(rest, first)


@on_postgresql("databases")
def test_a_quarter_that_cannot_be_added_up_keeps_no_other_from_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the rest of the pass."""
    planned_thirds()
    with monkeypatch.context() as patched:
        patched.setattr(counting, "pool_thirds", lambda *, actor: ())
        last = counted_quarter(app).thirds[-1]
    ((*thirds,),) = waves.due_to_pool()
    broken = tuple(replace(third, id=f"{third.id}x") for third in thirds)
    monkeypatch.setattr(waves, "due_to_pool", lambda: (broken, tuple(thirds)))
    said = tick(app.config["CANDOUR"], last.closes_at)
    assert [line.partition(" (")[0] for line in said if "not done" in line] == [
        "not done: part of the pass"
    ]
    assert "desk-2027-q1 added up from its thirds" in said

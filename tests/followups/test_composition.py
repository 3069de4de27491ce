"""What may stand where in the follow-up mail.

A measure that misses its target is no strength, one that meets it no problem; few answers are said
to be few.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from survey.accountability.rules.replies import RecordedReply
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.presentation import present_document
from survey.followups.rules.composition import (
    FollowUpOccasion,
    check_choice,
    compose_follow_up,
    follow_up_digest,
    measures_to_choose,
)
from survey.followups.rules.follow_up import FollowUpDraft, FollowUpStanding
from survey.kernel.errors import Refused
from tests.followups.company import (
    COMMITMENTS,
    FROM_DAY,
    REPLY,
    REPLY_DUE,
    SHARED_AT,
    shared_company,
)

STANDING = FollowUpStanding(SHARED_AT.date(), REPLY_DUE, FROM_DAY)


@pytest.fixture
def findings(app: Flask) -> Findings:
    return find_findings(shared_company(app).slug)


def occasion(findings: Findings, standing: FollowUpStanding = STANDING) -> FollowUpOccasion:
    return FollowUpOccasion(
        findings, "Northwind Ltd", "Dana Reyes", "Brightline IT", standing, None
    )


def judged(findings: Findings, *verdicts: str) -> Findings:
    """The same findings with these verdicts on the measures that have a number, in page order."""
    document: dict[str, Any] = json.loads(json.dumps(findings.document))
    order = [measure.question for measure in measures_to_choose(findings)]
    for question, verdict in zip(order, verdicts, strict=True):
        for measure in document["measures"]:
            if (measure["question"], measure["group"], measure["statistic"]) == (
                question,
                None,
                "top2",
            ):
                measure.update(target=0.7, break_even=0.5, verdict=verdict)
    return replace(findings, document=document)


def test_a_verdict_that_says_the_opposite_keeps_a_measure_out(findings: Findings) -> None:
    all_judged = judged(findings, "misses", "meets", "too close to call")
    look = {measure.look: measure.question for measure in measures_to_choose(all_judged)}
    for draft, says in (
        (FollowUpDraft(strengths=(look["misses"],)), "misses its target, so it is no strength"),
        (FollowUpDraft(problems=(look["meets"],)), "meets its target, so it is no problem"),
    ):
        with pytest.raises(Refused, match=says):
            check_choice(all_judged, draft)
        with pytest.raises(Refused, match=says):
            compose_follow_up(occasion(all_judged), draft)
    check_choice(
        all_judged,
        FollowUpDraft(strengths=(look["meets"], look["open"]), problems=(look["misses"],)),
    )


def test_by_the_rule_the_document_holds_what_the_findings_page_contrasts(
    findings: Findings,
) -> None:
    for case in (findings, judged(findings, "misses", "meets", "too close to call")):
        document, contrast = (
            compose_follow_up(occasion(case), FollowUpDraft()),
            present_document(case.document).contrast,
        )
        for name in ("strengths", "problems"):
            shown = getattr(contrast, name)
            assert [
                (m["name"], m["score"], m["range"], m["judged"], m["answers"])
                for m in document[name]
            ] == [(m.name, m.score, m.range, m.judged, m.answers) for m in shown]
            assert document[f"of_{name}"] == getattr(contrast, f"of_{name}")


def test_where_fewer_than_half_answered_every_list_says_so(findings: Findings) -> None:
    assert compose_follow_up(occasion(findings), FollowUpDraft())["whom"] == ""
    few = replace(findings, document=findings.document | {"response_rate": 0.49})
    assert compose_follow_up(occasion(few), FollowUpDraft())["whom"] == "of those who answered"


def test_commitments_stand_by_side_and_day_and_the_digest_covers_every_word(
    findings: Findings,
) -> None:
    standing = replace(STANDING, record=RecordedReply(3, REPLY, FROM_DAY, COMMITMENTS))
    document = compose_follow_up(
        occasion(findings, standing), FollowUpDraft(opening="Hello.", changes="We call.")
    )
    assert [one["side"] for one in document["commitments"]] == ["provider", "client"]
    assert document["reply"] == {"version": 3, "received": "2027-02-12", "text": REPLY}
    assert follow_up_digest(document) == document["digest"]
    for key in document.keys() - {"digest"}:
        assert follow_up_digest(document | {key: "changed"}) != document["digest"], key

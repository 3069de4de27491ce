"""The page of the audit log."""

from flask import Blueprint, render_template, request

from survey.access.rules.open_to import open_to
from survey.access.service.audit import list_entries
from survey.findings.anchors.service import check_audit_log

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
@open_to("manager")
def audit_log() -> str:
    """The newest entries of the audit log (at most 100), and whether it is whole.

    What was done, by whom, when; never an event of a respondent.
    """
    what = request.args.get("what", "")
    return render_template(
        "findings/audit_log.html",
        entries=list_entries(what=what),
        verdict=check_audit_log(),
        what=what,
    )

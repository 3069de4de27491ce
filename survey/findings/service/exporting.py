"""Findings as a file that somebody takes away."""

from survey.access.service.audit import record
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings


def export_findings(slug: str, form: str, *, actor: str) -> Findings:
    """The newest findings of a wave, to be written as a file of this form; audits the export.

    Refuses what `find_findings` refuses.
    """
    findings = find_findings(slug)
    facts = {
        "wave": findings.wave.slug,
        "version": findings.version,
        "digest": findings.digest,
        "form": form,
    }
    record("findings exported", facts, actor)
    return findings

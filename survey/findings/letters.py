"""The findings mail to the provider."""

from flask import current_app, render_template

from survey.charts.drawings import range_cells
from survey.config import Config
from survey.findings.rules import Sharing
from survey.findings.words.rules import wording
from survey.findings.words.rules.presentation import named_date, present_document
from survey.mail.rules import letter
from survey.mail.rules.letter import Letter, inline_styles
from survey.organisation.service import find_organisation
from survey.providers.rules import Contact, Provider

SHORTER = "Leave out the groups, or hold back some comments."


def findings_letter(shared: Sharing, provider: Provider, to: Contact, config: Config) -> Letter:
    """One page for the provider: the frozen document, a date to answer by, and groups and comments only as the sharing holds them."""
    document = shared.findings.document
    client = find_organisation(config.mail_from)
    shown = present_document(document)
    facts = {
        "results": shown,
        "client": client.name,
        "response": wording.response_rate(document),
        "opened": named_date(document["wave"]["opened"]),
        "closed": named_date(document["wave"]["closed"]),
        "how": f"{config.base_url}/how-we-count",
        "reply_by": named_date(shared.reply_by.isoformat()),
        "asks": [measure for measure in shown.measures if measure.look == "misses"],
        "contact": client.contact_name,
        "provider": provider,
        "version": shared.findings.version,
        "digest": shared.findings.digest.removeprefix("sha256:")[:16],
        "cells": range_cells,
        "groups": shared.groups,
        "comments": shared.comments,
    }
    return Letter(
        to_name=to.name,
        to_address=to.address,
        subject=render_template("findings/letters/findings.subject.txt", **facts).strip()[:200],
        text=render_template("findings/letters/findings.txt", **facts),
        html=inline_styles(render_template("findings/letters/findings.html", **facts)),
        reply_to=client.contact_email,
    )


def check_findings_length(shared: Sharing, provider: Provider, to: Contact) -> None:
    """Refuses a mail that would be cut off on its way."""
    letter.check_length(
        findings_letter(shared, provider, to, current_app.config["CANDOUR"]), SHORTER
    )

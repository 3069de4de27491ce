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


def findings_letter(
    sharing: Sharing, provider: Provider, contact: Contact, config: Config
) -> Letter:
    """Renders the findings mail to one contact, with a date to reply by; sends nothing.

    It holds the frozen document on a page. Groups and comments are in it only as the sharing holds
    them.
    """
    document = sharing.findings.document
    client = find_organisation(config.mail_from)
    presentation = present_document(document)
    content = {
        "results": presentation,
        "client": client.name,
        "response": wording.response_rate(document),
        "opened": named_date(document["wave"]["opened"]),
        "closed": named_date(document["wave"]["closed"]),
        "how": f"{config.base_url}/how-we-count",
        "reply_by": named_date(sharing.reply_by.isoformat()),
        "asks": [measure for measure in presentation.measures if measure.look == "misses"],
        "contact": client.contact_name,
        "provider": provider,
        "version": sharing.findings.version,
        "log": sharing.log,
        "digest": sharing.findings.digest.removeprefix("sha256:")[:16],
        "cells": range_cells,
        "groups": sharing.groups,
        "comments": sharing.comments,
    }
    return Letter(
        to_name=contact.name,
        to_address=contact.address,
        subject=render_template("findings/letters/findings.subject.txt", **content).strip()[:200],
        text=render_template("findings/letters/findings.txt", **content),
        html=inline_styles(render_template("findings/letters/findings.html", **content)),
        reply_to=client.contact_email,
    )


def check_findings_length(sharing: Sharing, provider: Provider, contact: Contact) -> None:
    """Refuses a findings mail so long that some mail programs would cut it off."""
    config = current_app.config["CANDOUR"]
    letter.check_length(findings_letter(sharing, provider, contact, config), SHORTER)

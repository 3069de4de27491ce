"""The test mail."""

from flask import render_template

from survey.config import Config
from survey.mail.rules.letter import Letter, inline_styles


def trial_letter(address: str, config: Config) -> Letter:
    """The test mail to this address, rendered from templates; nothing is sent yet.

    It asks nothing: its reader sees how mails to staff arrive.
    """
    context = {"base_url": config.base_url, "sender": config.mail_from}
    return Letter(
        to_name="",
        to_address=address,
        subject=render_template("mail/letters/test.subject.txt", **context).strip(),
        text=render_template("mail/letters/test.txt", **context),
        html=inline_styles(render_template("mail/letters/test.html", **context)),
    )

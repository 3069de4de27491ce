"""The facts about the client."""

from collections.abc import Sequence

from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice

from survey.kernel.workdays import WEEKDAYS
from survey.languages import language_name, offered_languages
from survey.organisation.rules.organisation import (
    CommentReader,
    Organisation,
    read_mail_domains,
)

_ANSWERS = {True: "yes", False: "no", None: None}
NOBODY = SelectChoice("", "nobody")


class OrganisationForm(FlaskForm):  # type: ignore[misc]
    """The form with the facts about the client; the service checks what was typed.

    They are what mails and the promise must say.
    """

    name = StringField("Name of your organisation")
    contact_name = StringField("Whom employees can ask")
    contact_email = StringField("Their mail address")
    host = StringField("Who runs this server")
    mail_domains = StringField("Mail domains of your own, separated by commas")
    provider_runs_mail = RadioField(
        "Does the provider you ask about run your mail or network?",
        choices=[SelectChoice("yes", "Yes"), SelectChoice("no", "No")],
        validate_choice=False,
    )
    comments_read_by = StringField("Their role, as employees know it")
    first_reader = SelectField("First reader of comments", validate_choice=False)
    first_reader_name = StringField("Their name, as employees know it")
    second_reader = SelectField("Second reader of comments, if any", validate_choice=False)
    second_reader_name = StringField("Their name, as employees know it")
    weekend = SelectMultipleField(
        "Days off in every week",
        choices=[SelectChoice(day, day.capitalize()) for day in WEEKDAYS],
        validate_choice=False,
    )
    several_zones = BooleanField("Staff sit in several time zones")
    language = SelectField(
        "Language of mails to people whose own language is not known", validate_choice=False
    )  # the service checks

    def __init__(self, organisation: Organisation, accounts: Sequence[str]) -> None:
        """Filled with the facts as they are; `accounts` are the addresses that may read."""
        super().__init__(data=_form_data(organisation))
        self.language.choices = [
            SelectChoice(language, language_name(language)) for language in offered_languages()
        ]
        choices = [NOBODY, *(SelectChoice(email, email) for email in accounts)]
        self.first_reader.choices = self.second_reader.choices = choices

    def typed_readers(self) -> tuple[CommentReader, ...]:
        """The readers that were chosen, each with the name typed beside it, else the address."""
        chosen = (
            (self.first_reader.data, self.first_reader_name.data),
            (self.second_reader.data, self.second_reader_name.data),
        )
        return tuple(
            CommentReader((name or "").strip() or email, email) for email, name in chosen if email
        )

    def typed_domains(self) -> tuple[str, ...]:
        """The mail domains that were typed."""
        return read_mail_domains(self.mail_domains.data or "")

    def typed_weekend(self) -> tuple[int, ...]:
        """The weekdays off that were ticked; 0 is Monday."""
        ticked = self.weekend.data or ()
        return tuple(number for number, day in enumerate(WEEKDAYS) if day in ticked)

    def typed_answer(self) -> bool | None:
        """Whether the provider runs the mail; None where neither answer was chosen."""
        return {"yes": True, "no": False}.get(self.provider_runs_mail.data)


def _form_data(organisation: Organisation) -> dict[str, object]:
    """The facts by the names of the form's fields."""
    readers = dict(enumerate(organisation.readers))
    nobody = CommentReader("", "")
    first, second = readers.get(0, nobody), readers.get(1, nobody)
    return {
        "name": organisation.name,
        "contact_name": organisation.contact_name,
        "contact_email": organisation.contact_email,
        "host": organisation.host,
        "mail_domains": ", ".join(organisation.mail_domains),
        "provider_runs_mail": _ANSWERS[organisation.provider_runs_mail],
        "comments_read_by": organisation.comments_read_by if organisation.confirmed else "",
        "first_reader": first.email,
        "first_reader_name": first.name,
        "second_reader": second.email,
        "second_reader_name": second.name,
        "weekend": [WEEKDAYS[day] for day in organisation.weekend],
        "several_zones": organisation.several_zones,
        "language": organisation.language,
    }

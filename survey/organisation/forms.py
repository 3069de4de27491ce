"""The facts about the client."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from survey.languages import language_name, offered_languages


class OrganisationForm(FlaskForm):  # type: ignore[misc]
    """The form with the facts about the client; the service checks what was typed.

    They are what mails and the promise must say.
    """

    name = StringField("Name of your organisation")
    contact_name = StringField("Whom employees can ask")
    contact_email = StringField("Their mail address")
    comments_read_by = StringField("Who reads comments first (a role)")
    host = StringField("Who runs this server")
    several_zones = BooleanField("Staff sit in several time zones")
    language = SelectField(
        "Language of mails to people whose own language is not known", validate_choice=False
    )  # the service checks

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.language.choices = [
            SelectChoice(language, language_name(language)) for language in offered_languages()
        ]

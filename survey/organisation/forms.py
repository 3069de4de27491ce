"""The facts about the client."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField


class OrganisationForm(FlaskForm):  # type: ignore[misc]
    """What mails and the promise must say; the service checks."""

    name = StringField("Name of your organisation")
    contact_name = StringField("Whom employees can ask")
    contact_email = StringField("Their mail address")
    comments_read_by = StringField("Who reads comments first (a role)")
    host = StringField("Who runs this server")
    several_zones = BooleanField("Staff sit in several time zones")

"""Naming a provider and its contacts."""

from flask_wtf import FlaskForm
from wtforms import StringField


class ProviderForm(FlaskForm):  # type: ignore[misc]
    """The form for a provider with its first contact, or a further contact of a known one.

    The service checks what was typed.
    """

    name = StringField("Provider")
    contact_name = StringField("Contact’s name")
    contact_address = StringField("Contact’s address")

"""Planning a survey."""

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, IntegerField, SelectField, StringField


class SurveyForm(FlaskForm):  # type: ignore[misc]
    """A survey and its first opening; the service checks."""

    name = StringField("Name, as staff will see it in addresses", default="IT support")
    provider = SelectField("Provider")
    questionnaire = SelectField("Questionnaire", default="quarterly_8")
    cadence = SelectField("How often", choices=[("quarterly", "every three months"), ("monthly", "every month")])
    opens = DateTimeLocalField("First opening", format="%Y-%m-%dT%H:%M")
    days = IntegerField("Days open", default=14)
    timezone = StringField("Time zone")
    audience = StringField("Who is asked: all, or departments separated by commas", default="all")

"""The form that plans a survey."""

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from survey.waves.rules.recurrence import LONGEST, PREFIX

_GIVEN = InputRequired("This is missing.")
_REMINDERS = [
    SelectChoice("0", "nobody"),
    SelectChoice("1", "once, halfway"),
    SelectChoice("2", "twice: halfway, and two working days before the close"),
]
_CADENCES = [
    SelectChoice("quarterly", "every three months"),
    SelectChoice("monthly", "every month"),
    SelectChoice("monthly-thirds", "every month, one third of them each time (from 90 people)"),
]
USUAL = SelectChoice("", "the usual one: 8 questions, or 3 where one third is asked each month")
_RULE = "Or a rule of your own (RFC 5545), instead of the choice above"


class SurveyForm(FlaskForm):  # type: ignore[misc]
    """What a manager types to add a survey with its first opening; the service checks the rest."""

    name = StringField(
        "Name, as staff will see it in addresses", [_GIVEN, Length(max=80)], default="IT support"
    )
    provider = SelectField("Provider")
    questionnaire = SelectField("Questionnaire", default="")
    cadence = SelectField("How often", choices=_CADENCES)
    rule = StringField(_RULE, [Length(max=LONGEST)])
    opens = DateTimeLocalField("First opening", [_GIVEN], format="%Y-%m-%dT%H:%M")
    days = IntegerField("Days open", [_GIVEN], default=14)
    timezone = StringField("Time zone", [_GIVEN])
    audience = StringField(
        "Who is asked: all, or departments separated by commas", [_GIVEN], default="all"
    )
    reminders = SelectField("Who has not answered is reminded", choices=_REMINDERS, default="1")

    @property
    def recurrence(self) -> str:
        """The typed recurrence rule, with its prefix; where none was typed, the chosen cadence."""
        rule = (self.rule.data or "").strip()
        if not rule:
            return str(self.cadence.data)
        return rule if rule.upper().startswith(PREFIX) else PREFIX + rule

"""Who reads the comments of a wave."""

from collections.abc import Sequence

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from survey.organisation.rules.organisation import CommentReader


class ReadersForm(FlaskForm):  # type: ignore[misc]
    """The form on which an administrator names one or two readers; the service checks them."""

    first_reader = SelectField("First reader of comments", validate_choice=False)
    first_reader_name = StringField("Their name, as employees know it")
    second_reader = SelectField("Second reader of comments, if any", validate_choice=False)
    second_reader_name = StringField("Their name, as employees know it")
    role = StringField("Their role, as employees know it")
    reason = StringField("Why?")

    def __init__(self, accounts: Sequence[str]) -> None:
        """`accounts` are the addresses that may read."""
        super().__init__()
        choices = [SelectChoice("", "nobody"), *(SelectChoice(email, email) for email in accounts)]
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

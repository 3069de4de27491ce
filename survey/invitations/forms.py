"""The form that corrects an address."""

from flask_wtf import FlaskForm
from wtforms import EmailField
from wtforms.validators import DataRequired, Length

from survey.kernel.addresses import LONGEST_ADDRESS


class AddressForm(FlaskForm):  # type: ignore[misc]
    """The new address for somebody in the directory; refuses an empty or too long one.

    The service checks the rest.
    """

    email = EmailField(
        "New address",
        validators=[DataRequired("Fill in the address."), Length(max=LONGEST_ADDRESS)],
    )

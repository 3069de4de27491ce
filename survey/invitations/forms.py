"""Correcting an address."""

from flask_wtf import FlaskForm
from wtforms import EmailField
from wtforms.validators import DataRequired, Length

from survey.kernel.addresses import LONGEST_ADDRESS


class AddressForm(FlaskForm):  # type: ignore[misc]
    """Another address for somebody."""

    email = EmailField(
        "New address",
        validators=[DataRequired("Fill in the address."), Length(max=LONGEST_ADDRESS)],
    )

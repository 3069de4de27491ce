"""The forms that take an uploaded staff list and carry it, signed, through the preview."""

import base64
import binascii
import re
import zlib

from flask import current_app
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from itsdangerous import BadSignature, Signer
from wtforms import BooleanField, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired

from survey.kernel.errors import Refused
from survey.people.rules.staff_list import LARGEST_UPLOAD, StaffList, read_staff_list, shortened

LONGEST_NUMBER = 9  # digits
_SIGNED_FOR = "staff list in a form"
# A file that does not compress grows by a third as text, and the form's other fields come on top.
LARGEST_FORM = LARGEST_UPLOAD * 4 // 3 + 64 * 1024


class UploadForm(FlaskForm):  # type: ignore[misc]
    """Takes an uploaded staff list and reads it into `content` and `staff`; stores nothing.

    They are set once the form is valid.
    """

    file = FileField(
        "CSV file", validators=[FileRequired("Choose a CSV file, then press Look at it.")]
    )
    content: bytes
    staff: StaffList

    def validate_file(self, field: FileField) -> None:
        """Reads the file; refuses one that is too large or no staff list at all.

        Faults of single rows are no reason: the preview shows them. Sets `content` and `staff`.
        """
        self.content = field.data.read(LARGEST_UPLOAD + 1)
        if len(self.content) > LARGEST_UPLOAD:
            limit = LARGEST_UPLOAD // 1024**2
            raise ValidationError(
                f"The file is larger than {limit} MiB. Your administrator can import it on the"
                " server."
            )
        try:
            self.staff = read_staff_list(self.content)
        except Refused as refused:
            raise ValidationError(" ".join((refused.sentence, *refused.details))) from refused

    @property
    def file_name(self) -> str:
        """The name of the uploaded file, shortened for a page."""
        return shortened(self.file.data.filename or "the file")


class CarriedFile(FlaskForm):  # type: ignore[misc]
    """The form with the file that the preview showed, packed and signed, for the next request.

    So nothing is kept on the server.
    """

    carried = HiddenField(validators=[DataRequired()])
    remove_missing = BooleanField()
    number = StringField("Type the number of people to remove")

    @property
    def repeated(self) -> int | None:
        """The number that was typed, with or without a comma between its thousands; else None."""
        digits = re.sub(r"[\s,.]", "", self.number.data or "")
        return int(digits) if digits.isdecimal() and len(digits) <= LONGEST_NUMBER else None

    def content(self) -> bytes:
        """The unpacked file, exactly as it was previewed; refuses what this server did not sign.

        It would not unpack strange data.
        """
        carried = self.carried.data if self.validate_on_submit() else ""
        try:
            signed = _signer().unsign(carried)
            return zlib.decompress(base64.urlsafe_b64decode(signed))
        except (BadSignature, binascii.Error, zlib.error) as error:
            raise Refused(
                "file-did-not-come-along",
                "The file did not come along, so nothing was changed. Upload it once more.",
            ) from error


def carry(content: bytes) -> CarriedFile:
    """Packs and signs a file into the form that takes it along to the next page."""
    signed = _signer().sign(base64.urlsafe_b64encode(zlib.compress(content)))
    return CarriedFile(formdata=None, carried=signed.decode())


def _signer() -> Signer:
    """What signs a carried file and checks its signature, with the app's secret key."""
    return Signer(current_app.config["SECRET_KEY"], salt=_SIGNED_FOR)

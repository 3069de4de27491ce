"""Forms about the staff directory."""

import base64
import binascii
import zlib

from flask import current_app
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from itsdangerous import BadSignature, Signer
from wtforms import BooleanField, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from survey.kernel.errors import Refused
from survey.people.rules import LARGEST_UPLOAD, LONGEST_ADDRESS, StaffList, read_staff_list, shortened

_SIGNED_FOR = "staff list in a form"
# A file that does not compress grows by a third as text, and the form's other fields come on top.
LARGEST_FORM = LARGEST_UPLOAD * 4 // 3 + 64 * 1024


class UploadForm(FlaskForm):  # type: ignore[misc]
    """A staff list from the reader's own machine; once valid, `content` and `staff` hold it."""

    file = FileField("Staff list (CSV)", validators=[FileRequired("Choose a file first.")])
    content: bytes
    staff: StaffList

    def validate_file(self, field: FileField) -> None:
        """Refuses what is no staff list at all; faults of single rows are the preview's business."""
        self.content = field.data.read(LARGEST_UPLOAD + 1)
        if len(self.content) > LARGEST_UPLOAD:
            limit = LARGEST_UPLOAD // 1024**2
            raise ValidationError(f"The file is larger than {limit} MiB. Import it on the server: candour people import FILE.csv")
        try:
            self.staff = read_staff_list(self.content)
        except Refused as refused:
            raise ValidationError(" ".join((refused.message, *refused.details))) from refused

    @property
    def file_name(self) -> str:
        """The file's own name, as a page may print it."""
        return shortened(self.file.data.filename or "the file")


class CarriedForm(FlaskForm):  # type: ignore[misc]
    """A staff list that was looked at and comes back with the next button: nothing of it is kept on the server."""

    carried = HiddenField(validators=[DataRequired()])
    remove_missing = BooleanField()

    def content(self) -> bytes:
        """The file, exactly as it was looked at; refuses what this server did not sign (it would not unpack strange data)."""
        try:
            packed = _signer().unsign(self.carried.data or "")
            return zlib.decompress(base64.urlsafe_b64decode(packed))
        except (BadSignature, binascii.Error, zlib.error) as error:
            raise Refused("The staff list did not come back whole, so nothing was changed. Upload it again.") from error


class AddressForm(FlaskForm):  # type: ignore[misc]
    """Another address for somebody."""

    email = StringField("New address", validators=[DataRequired("Fill in the address."), Length(max=LONGEST_ADDRESS)])


def packed(content: bytes) -> str:
    """A file as the hidden field of a form."""
    return _signer().sign(base64.urlsafe_b64encode(zlib.compress(content))).decode()


def _signer() -> Signer:
    return Signer(current_app.secret_key or "", salt=_SIGNED_FOR)

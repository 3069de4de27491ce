"""What the body of a request may be: a form, whole and with a name at each of its fields.

Flask-WTF, WTForms and our own views read forms as if every field had a name, and Werkzeug takes a
body that it cannot read for an empty form. So forms are read here, before anything else reads them,
and what is none is refused on every page, before the sign-in and after it.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any

from flask import Flask, Request, current_app, request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from survey.access.rules.open_to import access_of

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
NOT_WHOLE = "The form arrived damaged. Go back, reload the page and send it again."
NAMELESS = "A field of the form has no name. Go back, reload the page and send it again."

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class DamagedForm(BadRequest):
    """Raised for a form that cannot be read; its description is a sentence for people."""


class FormParser(FormDataParser):
    """Reads a form, or refuses it: one that is cut off, and one with a nameless field (400)."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        """The rest of the body, the fields and the files; raises `DamagedForm`.

        A form that is refused leaves no file behind.
        """
        self.silent = False
        with ExitStack() as opened:
            make = self.stream_factory

            def open_file(*words: Any, **more: Any) -> IO[bytes]:  # noqa: ANN401 - Werkzeug's own
                """Opens a file for a part, to be closed if the form is refused."""
                return opened.enter_context(make(*words, **more))

            self.stream_factory = open_file
            try:
                rest, fields, files = super().parse(stream, mimetype, content_length, options)
            except ValueError as error:
                raise DamagedForm(NOT_WHOLE) from error
            if not all((*fields, *files)):
                raise DamagedForm(NAMELESS)
            opened.pop_all()  # the request closes them at its end
        return rest, fields, files


class FormRequest(Request):
    """A request whose form is whole wherever it is read."""

    form_data_parser_class = FormParser


def init_bodies(app: Flask) -> None:
    """Reads the form of every request to a page before anything else does.

    To be called before the check against forged forms is added, which reads it as well.
    """
    app.request_class = FormRequest
    app.before_request(_read_form)


def _read_form() -> None:
    """Reads the form within the size that the page takes; refuses other bodies.

    Status 400 for what is no whole form, 413 for too much, 415 for a body that is no form.
    """
    if request.endpoint is None:
        return  # no such page: the error page answers
    access = access_of(current_app.view_functions[request.endpoint])
    if access and access.largest > (request.max_content_length or 0):
        request.max_content_length = request.max_form_memory_size = access.largest
    if _has_body(request.environ) and request.mimetype not in FORM_TYPES:
        raise UnsupportedMediaType
    _ = request.form


def _has_body(environ: Mapping[str, Any]) -> bool:
    """Whether anything was sent behind the head of the request."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    return length.strip("0") != "" or "HTTP_TRANSFER_ENCODING" in environ

"""The staff directory, importing into it, and changing single people."""

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.jobs.pulse import is_beating
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.people.forms import LARGEST_FORM, CarriedFile, UploadForm, carry
from survey.people.rules.refused_rows import refused_rows
from survey.people.rules.staff_list import Person, read_staff_list
from survey.people.service import directory

blueprint = Blueprint("people", __name__)
LISTED_AT_ONCE = 200
_WITH_A_FILE = {"people.preview", "people.confirm", "people.missing", "people.faults"}


@blueprint.url_value_preprocessor
def allow_uploads(endpoint: str | None, values: object) -> None:
    """Raises the limit of a request where a staff list comes along, before anything (the CSRF check, too) reads the form."""
    del values
    if endpoint in _WITH_A_FILE:
        request.max_content_length = LARGEST_FORM
        request.max_form_memory_size = LARGEST_FORM


@blueprint.get("/people")
@open_to("manager")
def list_people() -> str:
    """Departments with their numbers; people of one department, or all where they are few."""
    departments = directory.departments()
    total, chosen = sum(departments.values()), request.args.get("department")
    people = directory.list_people(chosen) if chosen in departments else directory.list_people() if total <= LISTED_AT_ONCE else ()
    facts = {"importing": directory.importing(), "is_beating": is_beating(now()), "at": now()}
    return render_template("people/list_people.html", departments=departments, total=total, chosen=chosen, people=people, **facts)


@blueprint.route("/people/import", methods=["GET", "POST"])
@open_to("manager")
def preview() -> str | tuple[str, int]:
    """After an upload: the rows to correct, or what the file would do. Nothing is saved."""
    form = UploadForm()
    if not form.validate_on_submit():
        return render_template("people/preview.html", form=form, staff=None, correction=""), 400 if form.is_submitted() else 200
    staff = form.staff
    try:
        result = directory.preview_import(staff)
    except Refused as refused:
        form.file.errors = [" ".join((refused.sentence, *refused.details))]
        return render_template("people/preview.html", form=form, staff=None, correction=""), 400
    facts = {
        "staff": staff,
        "result": result,
        "shown": staff.faults[: directory.FAULTS_LISTED],
        "correction": directory.correction_of(staff) if staff.faults else "",
    }
    page = render_template("people/preview.html", form=form, carried=carry(form.content), **facts)
    return page, 400 if staff.faults else 200


@blueprint.post("/people/import/missing")
@open_to("manager")
def missing() -> str:
    """The page before people are removed: who, and how many."""
    content = CarriedFile().content()
    result = directory.preview_import(read_staff_list(content))
    return render_template("people/missing.html", carried=carry(content), result=result, listed=result.missing[:LISTED_AT_ONCE])


@blueprint.post("/people/import/confirm")
@open_to("manager")
def confirm() -> BaseResponse:
    """Takes the file that the preview showed: a short one whole or not at all, a long one beside, in steps."""
    form = CarriedFile()
    done = directory.import_people(form.content(), remove_missing=form.remove_missing.data, actor=current_actor(), wait=False)
    if (under_way := directory.importing()) and under_way.is_under_way:
        flash(f"The file is taken. {done.added:,} people are to be added, {done.changed:,} changed, {done.removed:,} removed.")
        return redirect(url_for("people.list_people"), 303)
    flash(f"{done.added:,} people added, {done.changed:,} changed, {done.unchanged:,} unchanged, {done.removed:,} removed.")
    return redirect(url_for("people.list_people"), 303)


@blueprint.post("/people/import/faults.csv")
@open_to("manager")
def faults() -> Response:
    """The rows to correct, with the reasons, as CSV."""
    text = refused_rows(read_staff_list(CarriedFile().content()))
    headers = {"Content-Disposition": "attachment; filename=rows-to-correct.csv"}
    return Response(text.encode("utf-8-sig"), mimetype="text/csv", headers=headers)


@blueprint.route("/people/<person_id>/remove", methods=["GET", "POST"])
@open_to("manager")
def remove_person(person_id: str) -> str | BaseResponse:
    """A page of its own that says what removing means; the button does it."""
    person = _person(person_id)
    if request.method == "POST":
        directory.remove_person(person.email, actor=current_actor())
        flash(f"{person.name} is no longer in the directory.")
        return redirect(url_for("people.list_people"), 303)
    return render_template("people/remove_person.html", person=person)


def _person(person_id: str) -> Person:
    return directory.person(person_id) or abort(404)

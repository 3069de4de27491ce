"""The staff directory's pages: look, import, correct, remove."""

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from survey.access.current import current_actor
from survey.access.open_to import open_to
from survey.kernel.errors import Refused
from survey.people import service
from survey.people.forms import LARGEST_FORM, AddressForm, CarriedForm, UploadForm, packed
from survey.people.presentation import refused_rows
from survey.people.rules import Person, read_staff_list

blueprint = Blueprint("people", __name__)
LISTED_AT_ONCE = 200


@blueprint.url_value_preprocessor
def allow_a_staff_list(endpoint: str | None, values: object) -> None:
    """Raises the limit of a request for the import alone, before anything (the CSRF check, too) reads the form."""
    del values
    if endpoint and endpoint.startswith("people.import_"):
        request.max_content_length = LARGEST_FORM
        request.max_form_memory_size = LARGEST_FORM


@blueprint.get("/people")
@open_to("manager")
def list_people() -> str:
    """Departments with their numbers; people of one department, or all where they are few."""
    departments = service.departments()
    total, chosen = sum(departments.values()), request.args.get("department")
    people = service.list_people(chosen) if chosen in departments or total <= LISTED_AT_ONCE else ()
    return render_template("people/list_people.html", departments=departments, total=total, chosen=chosen, people=people)


@blueprint.route("/people/import", methods=["GET", "POST"])
@open_to("manager")
def import_list() -> str | tuple[str, int]:
    """Takes a file and shows what it would do; stores nothing."""
    form = UploadForm()
    if not form.validate_on_submit():
        return render_template("people/import_list.html", form=form), 422 if form.is_submitted() else 200
    staff = form.staff
    facts = {"staff": staff, "result": service.preview_import(staff), "listed": staff.faults[: service.FAULTS_LISTED]}
    carried = CarriedForm(formdata=None, carried=packed(form.content))
    correction = service.correction_of(staff) if staff.faults else ""
    page = render_template("people/import_preview.html", form=carried, name=form.file_name, correction=correction, **facts)
    return page, 422 if staff.faults else 200


@blueprint.post("/people/import/missing")
@open_to("manager")
def import_missing() -> str:
    """The page before people are removed: who, and how many."""
    content = _carried().content()
    form = CarriedForm(formdata=None, carried=packed(content), remove_missing=True)
    return render_template("people/import_missing.html", form=form, result=service.preview_import(read_staff_list(content)))


@blueprint.post("/people/import/confirmed")
@open_to("manager")
def import_confirmed() -> AnyResponse:
    """Takes the file that was looked at."""
    form = _carried()
    done = service.import_people(form.content(), remove_missing=form.remove_missing.data, actor=current_actor())
    flash(f"{done.added:,} added, {done.changed:,} changed, {done.unchanged:,} unchanged, {done.removed:,} removed.")
    return redirect(url_for("people.list_people"), 303)


@blueprint.post("/people/import/refused.csv")
@open_to("manager")
def import_refused() -> Response:
    """The faulty rows with what to do, for a spreadsheet."""
    text = refused_rows(read_staff_list(_carried().content()))
    headers = {"Content-Disposition": "attachment; filename=rows-to-correct.csv"}
    return Response(text.encode("utf-8-sig"), mimetype="text/csv", headers=headers)


@blueprint.route("/people/<person_id>/address", methods=["GET", "POST"])
@open_to("manager")
def correct_address(person_id: str) -> str | tuple[str, int] | AnyResponse:
    """Gives somebody another address."""
    person, form = _person(person_id), AddressForm()
    if form.validate_on_submit():
        try:
            corrected = service.correct_address(person.email, form.email.data or "", actor=current_actor())
        except Refused as refused:
            form.email.errors = [refused.message]
        else:
            flash(f"{corrected.name} is now {corrected.email}.")
            return redirect(url_for("people.list_people", department=person.department), 303)
    return render_template("people/correct_address.html", person=person, form=form), 422 if form.is_submitted() else 200


@blueprint.route("/people/<person_id>/remove", methods=["GET", "POST"])
@open_to("manager")
def remove_person(person_id: str) -> str | AnyResponse:
    """A page of its own that says what removing means; the button does it."""
    person = _person(person_id)
    if request.method == "POST":
        service.remove_person(person.email, actor=current_actor())
        flash(f"{person.name} is no longer in the directory.")
        return redirect(url_for("people.list_people"), 303)
    return render_template("people/remove_person.html", person=person)


def _carried() -> CarriedForm:
    form = CarriedForm()
    if not form.validate_on_submit():
        raise Refused("The staff list did not come back with the form. Upload it again.")
    return form


def _person(person_id: str) -> Person:
    return service.person(person_id) or abort(404)

"""The provider and whom to write to there."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.kernel.errors import NotFound, Refused
from survey.providers import service
from survey.providers.forms import ProviderForm

blueprint = Blueprint("providers", __name__)


@blueprint.route("/providers", methods=["GET", "POST"])
@open_to("manager")
def list_providers() -> str | Response | tuple[str, int]:
    """All providers; the form adds one, or a contact to a known one."""
    form = ProviderForm()
    problem = None
    if request.method == "POST" and form.validate():
        try:
            found = _save(form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{found} is saved.")
            return redirect(url_for("providers.list_providers"), 303)
    page = render_template(
        "providers/list_providers.html",
        providers=service.list_providers(),
        form=form,
        problem=problem,
    )
    return (page, 400) if problem else page


@blueprint.route("/providers/<provider>/contacts/<contact_id>/remove", methods=["GET", "POST"])
@open_to("manager")
def remove_contact(provider: str, contact_id: str) -> str | Response:
    """A page of its own that says what removing will do; the button does it."""
    found, contact = service.find_provider(provider), service.find_contact(contact_id)
    if contact not in found.contacts:
        raise NotFound("contact", "This contact is not there any more. Nothing was changed.")
    if request.method == "POST":
        service.remove_contact(found.name, contact.address, actor=current_actor())
        flash(f"{contact.name} is removed.")
        return redirect(url_for("providers.list_providers"), 303)
    return render_template("providers/remove_contact.html", provider=found, contact=contact)


def _save(form: ProviderForm) -> str:
    name, person, address = (
        (field.data or "").strip() for field in (form.name, form.contact_name, form.contact_address)
    )
    contacts = [(person, address)] if person or address else []
    add = service.add_contacts if contacts and service.is_known(name) else service.add_provider
    return add(name, contacts, actor=current_actor()).name

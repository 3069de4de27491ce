"""The provider and whom to write to there."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.kernel.errors import NotFound, Refused
from survey.providers import service
from survey.providers.forms import ProviderForm
from survey.providers.rules import ContactId

blueprint = Blueprint("providers", __name__)


@blueprint.route("/providers", methods=["GET", "POST"])
@open_to("manager")
def list_providers() -> str | Response | tuple[str, int]:
    """Lists all providers; POST adds one, or a contact to a known one."""
    form = ProviderForm()
    problem = None
    if request.method == "POST" and form.validate():
        try:
            name = _save(form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{name} is saved.")
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
    """Asks before a provider's contact is removed, and says what that does; POST removes it.

    NotFound for a contact that is not there any more.
    """
    its_provider = service.find_provider(provider)
    contact = service.find_contact(ContactId(contact_id))
    if contact not in its_provider.contacts:
        raise NotFound("contact", "This contact is not there any more. Nothing was changed.")
    if request.method == "POST":
        service.remove_contact(its_provider.name, contact.address, actor=current_actor())
        flash(f"{contact.name} is removed.")
        return redirect(url_for("providers.list_providers"), 303)
    return render_template("providers/remove_contact.html", provider=its_provider, contact=contact)


def _save(form: ProviderForm) -> str:
    """Stores the typed provider, or a contact of a known one; gives the provider's name."""
    name = (form.name.data or "").strip()
    person = (form.contact_name.data or "").strip()
    address = (form.contact_address.data or "").strip()
    contacts = [(person, address)] if person or address else []
    add = service.add_contacts if contacts and service.is_known(name) else service.add_provider
    return add(name, contacts, actor=current_actor()).name

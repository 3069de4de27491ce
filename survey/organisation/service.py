"""The facts that promises and mails must state."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from survey.access.service.accounts import list_users
from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.addresses import plain_address_fault
from survey.kernel.errors import Refused
from survey.kernel.workdays import WEEKDAYS
from survey.languages import BASE, offered_languages
from survey.organisation.rules.organisation import (
    MOST_READERS,
    CommentReader,
    Organisation,
    organisation_from_sender,
    tidy_mail_domains,
)
from survey.organisation.rules.promise import AttackResult, read_attack_report
from survey.organisation.tables import OrganisationRow

COMMAND_LINE = "command line"
LONGEST = 200
_NOBODY = re.compile(
    r"\W*(nobody|no[ -]?one|none|not anybody|niemand|keiner|personne|nadie)\b", re.IGNORECASE
)
LONGEST_DOMAINS = 2000  # characters of all mail domains together
MAY_READ = {"manager", "admin"}
# Written by the attack suite, shipped with the release.
ATTACKED = Path(__file__).parent / "attacked.json"
_NOTHING_STORED = Organisation("", "", "", "", "", several_zones=False)
_MEANINGS = {
    "name": "the organisation's name",
    "contact_name": "the contact's name",
    "contact_email": "the contact's address",
    "comments_read_by": "who reads comments",
    "host": "who runs the server",
}


def find_organisation(sender: str) -> Organisation:
    """The facts about the client as stored, else those suggested by the sender's address.

    The latter are not `confirmed`: they fill a form and nothing else.
    """
    return _stored_organisation() or organisation_from_sender(sender)


def confirmed_organisation() -> Organisation:
    """The facts about the client as somebody has saved them; refuses while nobody has."""
    stored = _stored_organisation()
    if stored is None:
        raise Refused(
            "facts-not-confirmed",
            "Nobody has confirmed the facts about your organisation yet: its name, whom employees"
            " can ask, who reads comments, and who runs the server. Nothing was sent.",
        )
    return stored


def with_accounts(readers: Sequence[CommentReader]) -> tuple[CommentReader, ...]:
    """The readers with the id of the account that their address has now; empty where none."""
    id_by_address = {account.email: account.id for account in list_users()}
    return tuple(replace(reader, account=id_by_address.get(reader.email, "")) for reader in readers)


def check_readers(readers: Sequence[CommentReader]) -> None:
    """Refuses readers of comments who cannot be it, naming all that is wrong with each."""
    faults = _faults_of_readers(readers, must_be_named=True)
    if faults:
        raise Refused("readers-unfit", "Nobody was named. Nothing was changed.", details=faults)


def check_readers_still_there(organisation: Organisation) -> None:
    """Refuses facts whose readers of comments have lost their account, or may not read any more."""
    may_read = {account.id for account in list_users() if account.role in MAY_READ}
    gone = [reader.name for reader in organisation.readers if reader.account not in may_read]
    if gone:
        raise Refused(
            "reader-gone",
            f"{' and '.join(gone)} cannot read comments any more: the account is gone or only looks"
            " at figures. Say who reads comments.",
        )


def accounts_that_may_read() -> tuple[str, ...]:
    """The addresses of the accounts that may be named as readers of comments, sorted."""
    return tuple(account.email for account in list_users() if account.role in MAY_READ)


def stored_weekend(*before: ColumnElement[Any]) -> Select[Any]:
    """The query of the weekend as stored, for others to join to theirs; gives no row without facts.

    `before` are columns that stand before it. See `read_stored_weekend`.
    """
    return select(*before, OrganisationRow.weekend)


def read_stored_weekend(stored: str) -> tuple[int, ...]:
    """The weekdays (0 is Monday) of what `stored_weekend` gives."""
    return tuple(WEEKDAYS.index(day) for day in stored.split())


def own_mail_domains() -> tuple[str, ...]:
    """The client's own mail domains, as stored; empty where none are known. None is guessed."""
    row = db.session.get(OrganisationRow, 1)
    return tuple(row.mail_domains.split()) if row else ()


def latest_attacks() -> tuple[AttackResult, ...]:
    """What the attack suite found, as shipped; empty where its report is absent or unreadable."""
    try:
        return read_attack_report(json.loads(ATTACKED.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ()


def set_organisation(  # noqa: PLR0913 - the facts, one by one
    name: str,
    contact_name: str,
    contact_email: str,
    comments_read_by: str | None,
    host: str,
    *,
    several_zones: bool,
    language: str = BASE,
    mail_domains: Sequence[str] | None = None,
    provider_runs_mail: bool | None = None,
    readers: Sequence[CommentReader] | None = None,
    weekend: Sequence[int] | None = None,
    actor: str = COMMAND_LINE,
) -> Organisation:
    """Stores and audits the facts about the client; refuses with all faults at once.

    Of the role `comments_read_by` and of the last four, what is not given stays as stored; where
    nothing is, the only mail domain is the contact's. The role may be empty where `readers` are
    named.
    Refused: empty facts, malformed addresses and domains, line breaks, a language that is not
    offered, readers without an account of a manager, and more than two or none of them.
    """
    stored = _stored_organisation()
    kept = stored or _NOTHING_STORED
    domains, domain_faults = _own_domains(mail_domains, stored, _tidied(contact_email))
    organisation = Organisation(
        name=_tidied(name),
        contact_name=_tidied(contact_name),
        contact_email=_tidied(contact_email),
        comments_read_by=_tidied(
            kept.comments_read_by if comments_read_by is None else comments_read_by
        ),
        host=_tidied(host),
        several_zones=several_zones,
        language=language,
        mail_domains=domains,
        provider_runs_mail=(
            kept.provider_runs_mail if provider_runs_mail is None else provider_runs_mail
        ),
        readers=kept.readers if readers is None else with_accounts(readers),
        weekend=kept.weekend if weekend is None else tuple(weekend),
    )
    faults = (
        *_faults_of_texts(organisation),
        *domain_faults,
        *_faults_of_readers(organisation.readers, must_be_named=readers is not None),
        *_faults_of_role(organisation.comments_read_by),
        *_faults_of_weekend(organisation.weekend),
        *_faults_of_language(language),
    )
    if faults:
        raise Refused(
            "facts-incomplete", "The facts are not complete. Nothing was changed.", details=faults
        )
    with transaction() as session:
        session.merge(_row(organisation))
        record("organisation set", _audited(organisation), actor)
    return organisation


def _stored_organisation() -> Organisation | None:
    """The facts as stored; None while nobody has saved any."""
    row = db.session.get(OrganisationRow, 1)
    if row is None:
        return None
    return Organisation(
        name=row.name,
        contact_name=row.contact_name,
        contact_email=row.contact_email,
        comments_read_by=row.comments_read_by,
        host=row.host,
        several_zones=row.several_zones,
        language=row.language,
        mail_domains=tuple(row.mail_domains.split()),
        provider_runs_mail=row.provider_runs_mail,
        readers=tuple(CommentReader(**reader) for reader in row.comment_readers),
        weekend=read_stored_weekend(row.weekend),
    )


def _row(organisation: Organisation) -> OrganisationRow:
    """The facts as their row."""
    return OrganisationRow(
        number=1,
        name=organisation.name,
        contact_name=organisation.contact_name,
        contact_email=organisation.contact_email,
        comments_read_by=organisation.comments_read_by,
        host=organisation.host,
        several_zones=organisation.several_zones,
        language=organisation.language,
        mail_domains=" ".join(organisation.mail_domains),
        provider_runs_mail=organisation.provider_runs_mail,
        weekend=" ".join(WEEKDAYS[day] for day in organisation.weekend),
        comment_readers=[asdict(reader) for reader in organisation.readers],
    )


def _audited(organisation: Organisation) -> dict[str, object]:
    """The facts as the audit log keeps them."""
    facts = asdict(organisation)
    del facts["confirmed"]  # only confirmed ones are stored
    return facts | {"weekend": [WEEKDAYS[day] for day in organisation.weekend]}


def _tidied(text: str) -> str:
    """The text without blanks around it."""
    return text.strip(" ")


def _own_domains(
    given: Sequence[str] | None, stored: Organisation | None, contact_email: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The organisation's mail domains in ASCII, and what is wrong with them as sentences."""
    if given is None and stored is None and plain_address_fault(contact_email):
        return (), ()  # the address is refused, and there is nothing to say of its domain
    if given is None:
        given = stored.mail_domains if stored else (contact_email.rpartition("@")[2],)
    domains, faults = tidy_mail_domains(given)
    if not domains and not faults:
        return (), ("Say at least one mail domain of your own, such as company.example.",)
    if len(" ".join(domains)) > LONGEST_DOMAINS:
        return (), (f"Shorten the mail domains to {LONGEST_DOMAINS} characters in all.",)
    return domains, faults


def _faults_of_texts(organisation: Organisation) -> tuple[str, ...]:
    """What to do about the typed texts, one sentence per fault; empty where all are good."""
    faults = []
    for fact, meaning in _MEANINGS.items():
        text = getattr(organisation, fact)
        is_optional = fact == "comments_read_by" and organisation.readers
        if not (is_optional and not text) and (fault := _fault(meaning, text)):
            faults.append(fault)
    email = organisation.contact_email
    if email and (fault := plain_address_fault(email)):
        faults.append(f"{email[:80]!r}: {fault}")
    return tuple(faults)


def _faults_of_readers(readers: Sequence[CommentReader], *, must_be_named: bool) -> tuple[str, ...]:
    """What to do about the readers of comments: their number, names and accounts."""
    faults = []
    if must_be_named and not readers:
        faults.append("Choose who reads comments: the account of a manager or an administrator.")
    if len(readers) > MOST_READERS:
        faults.append(f"Name at most {MOST_READERS} readers of comments.")
    role_by_address = {account.email: account.role for account in list_users()}
    for reader in readers:
        if fault := _fault("the name of a reader of comments", reader.name):
            faults.append(fault)
        role = role_by_address.get(reader.email)
        if role not in MAY_READ:
            faults.append(
                f"{reader.email[:80]!r} cannot read comments: "
                + ("this account only looks at figures." if role else "there is no such account.")
                + " Name the account of a manager or an administrator."
            )
    if len({reader.email for reader in readers}) < len(readers):
        faults.append("Name each reader of comments once.")
    return tuple(faults)


def _faults_of_role(role: str) -> tuple[str, ...]:
    """What to do about a role that says that nobody reads comments: somebody has to, or may later.

    The promise prints it, so it must not say less than what can happen.
    """
    if _NOBODY.match(role):
        return ("Say who reads comments, as employees know them: the promise must not say nobody.",)
    return ()


def _faults_of_weekend(weekend: Sequence[int]) -> tuple[str, ...]:
    """Refuses a week without a working day."""
    return ("Leave at least one working day in the week.",) if len(set(weekend)) > 6 else ()


def _faults_of_language(language: str) -> tuple[str, ...]:
    """What is wrong with the language of letters; empty where it is offered."""
    if language in offered_languages():
        return ()
    offered = ", ".join(offered_languages())
    return (f"Letters are not offered in {language[:20]!r}. There are: {offered}.",)


def _fault(meaning: str, text: str) -> str | None:
    """What to do about a text that is empty, unprintable or too long; None where it is good.

    `meaning` says what the text should state.
    """
    if not text:
        return f"Say {meaning}."
    if not text.isprintable():
        return f"Remove the line break or control character: {meaning}."
    if len(text) > LONGEST:
        return f"Shorten to {LONGEST} characters: {meaning}."
    return None

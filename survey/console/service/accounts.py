"""What accounts need of other rooms: mails to their holders, and names for bad passwords."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

from survey.access.rules.accounts import Account, UserId
from survey.access.service.accounts import find_user
from survey.access.service.audit import list_entries
from survey.access.service.known_browsers import secret_to_mail
from survey.access.service.notices import AccountNotice
from survey.config import Config
from survey.console.letters import browser_letter, link_letter, password_letter
from survey.kernel.clock import now
from survey.kernel.errors import NotFound
from survey.mail.rules.letter import Letter
from survey.mail.service import (
    KEPT,
    LetterType,
    PreparedLetter,
    QueuedLetter,
    erase_old_recipients,
    queue_letters,
)
from survey.organisation.service import find_organisation
from survey.people.service.directory import person_at
from survey.providers.service import list_providers
from survey.waves import service as waves

PRIORITY = 10  # before the letters of waves: somebody may be at another's account
NO_LONGER_OF_USE = timedelta(days=3)
BROWSER_LINK_OF_NO_USE = timedelta(days=1)
ABOUT = "accounts"  # where other letters name their wave


def queue_account_letter(notice: AccountNotice, user_id: UserId) -> None:
    """Queues a letter to the holder of an account in the caller's transaction.

    One about many failed tries once a day, for a stranger can bring it about. Takes the recipients
    out of letters that left 30 days ago.
    """
    moment = now()
    erase_old_recipients(ABOUT, moment - KEPT, moment)
    today = moment.date().toordinal()
    number = today if notice is AccountNotice.MANY_FAILURES else int(moment.timestamp() * 1000)
    queue_letters(notice.value, ABOUT, [user_id], number=number)


def link_letter_type(config: Config) -> LetterType:
    """The letter that says that somebody made a one-time link for an account."""

    def write(account: Account) -> Letter:
        """Names who made the newest link."""
        return link_letter(account, _maker_of_link(account), config)

    return _letter_type(AccountNotice.LINK_MADE, write)


def password_letter_type(config: Config) -> LetterType:
    """The letter that says that an account has a new password."""
    return _letter_type(
        AccountNotice.PASSWORD_SET, lambda account: password_letter(account, config)
    )


def browser_letter_type(config: Config) -> LetterType:
    """The letter about many failed tries, with a link that makes a browser known."""

    def write(account: Account) -> Letter | None:
        """Makes the link at the moment of sending; None for an account that is gone."""
        secret = secret_to_mail(account.id, now().date())
        return browser_letter(account, secret, config) if secret else None

    return _letter_type(AccountNotice.MANY_FAILURES, write, lasts_for=BROWSER_LINK_OF_NO_USE)


def names_known_here(email: str, config: Config) -> Iterator[str]:
    """The names that make bad passwords: of organisation, providers, surveys, host and person."""
    organisation = find_organisation(config.mail_from)
    yield from ("Candour", config.base_url.partition("//")[2], config.mail_from)
    yield from (organisation.name, organisation.host)
    yield from (organisation.contact_name, organisation.contact_email)
    for provider in list_providers():
        yield provider.name
        for contact in provider.contacts:
            yield from (contact.name, contact.address)
    for survey in waves.list_surveys():
        yield survey.name
    with suppress(NotFound):
        yield person_at(email).name


def _letter_type(
    notice: AccountNotice,
    write: Callable[[Account], Letter | None],
    *,
    lasts_for: timedelta = NO_LONGER_OF_USE,
) -> LetterType:
    """A letter type whose letters go to holders of accounts; none to one that is gone."""

    def prepare(queued: QueuedLetter) -> PreparedLetter | None:
        """Writes one letter; None where there is no account any more."""
        account = _account_of(queued)
        letter = write(account) if account else None
        return PreparedLetter(letter, lambda: _account_of(queued) is not None) if letter else None

    return LetterType(
        notice.value,
        PRIORITY,
        is_sent_again=True,
        write=prepare,
        lasts_for=lasts_for,
        goes_to_staff=False,
    )


def _account_of(queued: QueuedLetter) -> Account | None:
    """The account that a letter goes to; None if it is gone."""
    try:
        return find_user(UserId(queued.recipient))
    except NotFound:
        return None


def _maker_of_link(account: Account) -> str:
    """Who made the newest link for this account, as the audit log says."""
    entries = list_entries(what="sign-in link made")
    makers = (entry.who for entry in entries if entry.facts.get("user") == account.email)
    maker = next(makers, "command line")
    return "Whoever runs the server" if maker == "command line" else maker

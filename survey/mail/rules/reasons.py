"""Why mail stands still, as a code that is read from the stored reason, and what mends it.

A pause and a letter keep their reason as words. Rows that an older version wrote may name settings
in them; they are recognised all the same, and shown without.
"""

import re
from enum import StrEnum

from survey.kernel.hints import SEE_MAIL

_SETTING = re.compile(r"CANDOUR_[A-Z_]+\*?")


class Cause(StrEnum):
    """The kinds of reasons why mail does not go out, as codes."""

    REFUSED_IN_A_ROW = "refused-in-a-row"
    BY_HAND = "by-hand"
    CREDENTIALS_UNFIT = "credentials-unfit"
    SIGN_IN_NOT_OFFERED = "sign-in-not-offered"
    SIGN_IN_REFUSED = "sign-in-refused"
    SENDER_REFUSED = "sender-refused"
    LETTER_REFUSED = "letter-refused"
    KEY_FILE_FAULTY = "key-file-faulty"
    AUTHORITIES_FAULTY = "authorities-faulty"
    APPLICATION_REFUSED = "application-refused"
    TOKEN_SERVER_CERTIFICATE = "token-server-certificate"  # noqa: S105 - a code
    TOKEN_SERVER_SENSELESS = "token-server-senseless"  # noqa: S105 - a code
    TOKEN_SERVER_AWAY = "token-server-away"  # noqa: S105 - a code
    TOKEN_SERVER_BUSY = "token-server-busy"  # noqa: S105 - a code
    AUTHORITY_UNKNOWN = "authority-unknown"
    NAME_NOT_CERTIFIED = "name-not-certified"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_FAULTY = "certificate-faulty"
    HOST_UNKNOWN = "host-unknown"
    NO_CONNECTIONS = "no-connections"
    PUT_BACK = "put-back"
    OTHER = "other"


# Words by which a reason is known, this version's and those of older ones; the first that fits.
_CAUSES_BY_WORDS = (
    ("database was put back", Cause.PUT_BACK),
    ("in a row", Cause.REFUSED_IN_A_ROW),
    ("by hand", Cause.BY_HAND),
    ("letters that SMTP cannot carry", Cause.CREDENTIALS_UNFIT),
    ("offers no sign-in", Cause.SIGN_IN_NOT_OFFERED),
    ("takes no sign-in by", Cause.SIGN_IN_NOT_OFFERED),
    ("refused our sign-in", Cause.SIGN_IN_REFUSED),
    ("refuses our sender", Cause.SENDER_REFUSED),
    ("refuses this letter", Cause.LETTER_REFUSED),
    ("key file for mail", Cause.KEY_FILE_FAULTY),
    ("CANDOUR_MAIL_OAUTH_KEY_FILE", Cause.KEY_FILE_FAULTY),
    ("no certificate that can be read", Cause.AUTHORITIES_FAULTY),
    ("certificate of the sign-in server", Cause.TOKEN_SERVER_CERTIFICATE),
    ("is no token", Cause.TOKEN_SERVER_SENSELESS),
    ("refuses us", Cause.APPLICATION_REFUSED),
    ("cannot be reached", Cause.TOKEN_SERVER_AWAY),
    ("sign-in server", Cause.TOKEN_SERVER_BUSY),
    ("is signed by itself", Cause.AUTHORITY_UNKNOWN),
    ("from an unknown authority", Cause.AUTHORITY_UNKNOWN),
    ("is not valid for its", Cause.NAME_NOT_CERTIFIED),
    ("certificate has expired", Cause.CERTIFICATE_EXPIRED),
    ("certificate", Cause.CERTIFICATE_FAULTY),
    ("name is not known", Cause.HOST_UNKNOWN),
    ("does not take connections", Cause.NO_CONNECTIONS),
    ("sign-in", Cause.SIGN_IN_REFUSED),
)
_WRONG_SETTING = "Your administrator can correct the settings and try them."
_FOR_MANAGERS = {
    Cause.REFUSED_IN_A_ROW: "See below which letters failed and why; have that mended.",
    Cause.BY_HAND: "",
    Cause.PUT_BACK: "Look which letters wait, and whether they may leave again.",
    Cause.SIGN_IN_REFUSED: "Your administrator can correct the sign-in and try it.",
    Cause.SENDER_REFUSED: "Your administrator can correct the sender, or have it allowed.",
    Cause.AUTHORITY_UNKNOWN: "Your administrator can have the certificate trusted or replaced.",
    Cause.NAME_NOT_CERTIFIED: "Your administrator can correct the name of the mail server.",
    Cause.CERTIFICATE_EXPIRED: "Your administrator can have the certificate renewed.",
    Cause.CERTIFICATE_FAULTY: "Your administrator can look at the certificate.",
    Cause.LETTER_REFUSED: "Your administrator can ask whoever runs the mail server.",
    Cause.TOKEN_SERVER_BUSY: "Your administrator can try it.",
    Cause.OTHER: "Your administrator can try what the mail server says.",
}
_AT_A_SHELL = {
    Cause.REFUSED_IN_A_ROW: f"See with {SEE_MAIL} which letters failed and why.",
    Cause.BY_HAND: "",
    Cause.PUT_BACK: f"See with {SEE_MAIL} which letters wait, and whether they may leave again.",
    Cause.CREDENTIALS_UNFIT: "Correct user and password in CANDOUR_MAIL_URL.",
    Cause.SIGN_IN_NOT_OFFERED: (
        "Check host and port in CANDOUR_MAIL_URL, and how to sign in there: "
        "by password, or by token with CANDOUR_MAIL_OAUTH_*."
    ),
    Cause.SIGN_IN_REFUSED: "Check user and password in CANDOUR_MAIL_URL.",
    Cause.SENDER_REFUSED: (
        "Check CANDOUR_MAIL_FROM: whoever signs in must be allowed to send with this address."
    ),
    Cause.LETTER_REFUSED: "Ask the mail server's owner what it has against the letter.",
    Cause.KEY_FILE_FAULTY: "Correct CANDOUR_MAIL_OAUTH_KEY_FILE.",
    Cause.AUTHORITIES_FAULTY: "CANDOUR_MAIL_CA_FILE must name a file of certificates (PEM).",
    Cause.APPLICATION_REFUSED: "Check CANDOUR_MAIL_OAUTH_*.",
    Cause.TOKEN_SERVER_CERTIFICATE: (
        "Check CANDOUR_MAIL_OAUTH_TOKEN_URL, and name an authority of your own in"
        " CANDOUR_MAIL_CA_FILE."
    ),
    Cause.TOKEN_SERVER_SENSELESS: "Check CANDOUR_MAIL_OAUTH_TOKEN_URL.",
    Cause.TOKEN_SERVER_AWAY: "Check CANDOUR_MAIL_OAUTH_TOKEN_URL and the way out.",
    Cause.AUTHORITY_UNKNOWN: "Name its authority in CANDOUR_MAIL_CA_FILE.",
    Cause.NAME_NOT_CERTIFIED: "CANDOUR_MAIL_URL must hold the name that the certificate is for.",
    Cause.CERTIFICATE_EXPIRED: "Have it renewed.",
    Cause.HOST_UNKNOWN: "Check the host in CANDOUR_MAIL_URL.",
    Cause.NO_CONNECTIONS: "Check host and port in CANDOUR_MAIL_URL.",
}


def cause_of(reason: str) -> Cause:
    """The code for a stored reason, found by its words, those of older versions too.

    >>> cause_of("the mail server's name is not known; check CANDOUR_MAIL_URL").value
    'host-unknown'
    """
    return next((cause for words, cause in _CAUSES_BY_WORDS if words in reason), Cause.OTHER)


def without_settings(reason: str) -> str:
    """The reason without names of settings, as a page may show it.

    An older version wrote settings into it.

    >>> without_settings("the mail server's name is not known; check CANDOUR_MAIL_URL")
    "the mail server's name is not known"
    """
    if not _SETTING.search(reason):
        return reason
    first, *others = reason.split("; ")
    first = first.replace("CANDOUR_MAIL_OAUTH_KEY_FILE:", "the key file for mail:")
    first = first.replace("CANDOUR_MAIL_CA_FILE", "the file of trusted authorities")
    first = re.sub(rf" in {_SETTING.pattern}", "", first)
    first = _SETTING.sub("a setting", first)
    clauses = [clause for clause in others if not _SETTING.search(clause)]
    return "; ".join([first, *clauses])


def remedy_for_managers(reason: str) -> str:
    """What has to happen before sending can be resumed, without a setting; may be empty."""
    return _FOR_MANAGERS.get(cause_of(reason), _WRONG_SETTING)


def remedy_at_a_shell(reason: str) -> str:
    """What the person who runs the server can do, with settings by name; empty if nothing."""
    return _AT_A_SHELL.get(cause_of(reason), "")

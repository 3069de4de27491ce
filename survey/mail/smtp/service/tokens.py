"""Signing in by token (OAuth 2.0), for sending and for reading bounces.

Tokens are kept in memory only, and renewed before they end.
"""

import threading
import time
from urllib.parse import unquote, urlsplit

from survey.config import Config
from survey.mail.smtp.rules.grants import Grant

EARLY_SECONDS, REQUEST_SECONDS = 300.0, 20.0


class TokenSource:
    """Gives access tokens for one mailbox, kept in memory until shortly before they end.

    The one in memory is given until five minutes before its end (or half its lifetime), then
    another.
    """

    def __init__(self, grant: Grant, seconds: float = REQUEST_SECONDS) -> None:
        self.grant = grant
        self.seconds = seconds
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def token(self, fresh: bool = False) -> str:  # noqa: FBT001, FBT002 - token(fresh=True) reads well
        """An access token, from memory or newly asked for. Raises `NoToken`.

        `fresh` asks for another, when the last was refused.
        """
        with self._lock:
            if fresh or time.monotonic() >= self._until:
                from survey.mail.smtp.service.oauth import renew_token

                self._token, self._until = "", 0.0
                self._token, lifetime = renew_token(self.grant, self.seconds)
                self._until = time.monotonic() + lifetime - min(EARLY_SECONDS, lifetime / 2)
            return self._token

    @property
    def server(self) -> str:
        """The token server, and the proxy to it if any, as a person may read it."""
        from survey.mail.smtp.service.web import proxies_for

        token_url = urlsplit(self.grant.token_url)
        host = token_url.hostname or ""
        proxy = proxies_for(self.grant.token_url).get(token_url.scheme)
        return f"{host} through the proxy {urlsplit(proxy).hostname}" if proxy else host


def token_source(config: Config, user: str = "") -> TokenSource | None:
    """The source of tokens for a mailbox; None when the settings name no token server.

    It is the mailbox in `CANDOUR_MAIL_URL` unless another `user` is named.
    One source per mailbox and process, so that all connections share its token.
    """
    if not config.mail_oauth_token_url:
        return None
    grant = Grant(
        config.mail_oauth_token_url,
        config.mail_oauth_scope,
        user or unquote(urlsplit(config.mail_url).username or ""),
        config.mail_oauth_client_id,
        config.mail_oauth_client_secret,
        config.mail_oauth_key_file,
        config.mail_ca_file,
    )
    return _SOURCES.setdefault(grant, TokenSource(grant))


_SOURCES: dict[Grant, TokenSource] = {}


def xoauth2(user: str, token: str) -> str:
    r"""The text by which XOAUTH2 signs in, before it is put into base64.

    >>> xoauth2("dana@northwind.example", "abc")
    'user=dana@northwind.example\x01auth=Bearer abc\x01\x01'
    """
    return f"user={user}\x01auth=Bearer {token}\x01\x01"

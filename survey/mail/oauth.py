"""Signing in by token (OAuth 2.0), for sending and for reading bounces.

An application with a secret or a key asks in its own name (RFC 6749, 4.4; RFC 7523, 2.2: Microsoft); a service account asks in
the name of the mailbox (RFC 7523, 2.1: Google). Tokens are kept in memory only, and renewed before they end.
"""

import re
import ssl
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import JWTBearerGrant, PrivateKeyJWT
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, ReadTimeout, SSLError
from requests.utils import get_environ_proxies

from survey.config import Config, is_loopback
from survey.kernel.patience import within
from survey.keyfile import KeyFile, read_key_file

EARLY_SECONDS, USUAL_SECONDS = 300.0, 3600.0
COMMAND_SECONDS, REQUEST_SECONDS = 10.0, 20.0
LARGEST_ANSWER = 64 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1
_MICROSOFT_FAULT = re.compile(r"\bAADSTS\d{4,8}\b")
_REFUSALS = {  # RFC 6749, 5.2
    "invalid_client": "it does not accept the client id with this secret or key",
    "invalid_grant": "it does not accept this key for this mailbox",
    "unauthorized_client": "this application may not sign in this way",
    "invalid_scope": "it does not know the scope",
    "unsupported_grant_type": "it does not offer this way to sign in",
    "invalid_request": "it does not understand the request",
}


class NoToken(Exception):
    """There is no token; `reason` says why and what to do, `must_look` whether trying again is of no use until somebody looks."""

    def __init__(self, reason: str, *, must_look: bool) -> None:
        super().__init__(reason)
        self.reason, self.must_look = reason, must_look


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom we ask for tokens, for which mailbox, and how we prove who we are."""

    token_url: str
    scope: str
    user: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    key_file: Path | None = None
    ca_file: Path | None = None


class TokenSource:
    """Access tokens for one mailbox: the one in memory until five minutes before its end, then another."""

    def __init__(self, grant: Grant, seconds: float = REQUEST_SECONDS) -> None:
        self.grant, self.seconds = grant, seconds
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def token(self, fresh: bool = False) -> str:  # noqa: FBT001, FBT002 - source.token(fresh=True) reads well
        """An access token; a `fresh` one when the last was refused. Raises `NoToken`."""
        with self._lock:
            if fresh or time.monotonic() >= self._until:
                self._token, self._until = "", 0.0
                self._token, lifetime = _renewed(self)
                self._until = time.monotonic() + lifetime - min(EARLY_SECONDS, lifetime / 2)
            return self._token

    @property
    def server(self) -> str:
        """Whom we ask, and through which proxy, as a person may read it."""
        proxy = _proxies(self.grant.token_url).get(urlsplit(self.grant.token_url).scheme)
        host = urlsplit(self.grant.token_url).hostname or ""
        return f"{host} through the proxy {urlsplit(proxy).hostname}" if proxy else host


def token_source(config: Config, user: str = "") -> TokenSource | None:
    """The tokens for a mailbox, the one in `CANDOUR_MAIL_URL` unless another is named; None when nothing is set for them.

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
    r"""What XOAUTH2 sends, before it is put into base64.

    >>> xoauth2("dana@northwind.example", "abc")
    'user=dana@northwind.example\x01auth=Bearer abc\x01\x01'
    """
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def _renewed(source: TokenSource) -> tuple[str, float]:
    """A new token and its lifetime, or `NoToken`, after so many seconds at most."""
    host = urlsplit(source.grant.token_url).hostname
    try:
        return within(source.seconds, lambda: _asked(source.grant))
    except (TimeoutError, ConnectTimeout, ReadTimeout):
        raise NoToken(f"the sign-in server {host} does not answer in time", must_look=False) from None
    except SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):  # the certificate's own error is buried in layers of the library
            says = f"the certificate of the sign-in server {host} is not valid for its name; nothing that signs us in was sent"
            raise NoToken(says, must_look=True) from None
        raise NoToken(f"no encrypted connection to the sign-in server {host}", must_look=False) from None
    except (RequestException, OSError):
        says = f"the sign-in server {host} cannot be reached; check CANDOUR_MAIL_OAUTH_TOKEN_URL and the way out"
        raise NoToken(says, must_look=False) from None
    except (ValueError, TypeError, RecursionError, AuthlibBaseError, JoseError):
        raise NoToken(_senseless(host), must_look=True) from None


def _asked(grant: Grant) -> tuple[str, float]:
    """Asks the server; in the name of an application, or, with a service account's key, in that of the mailbox."""
    try:
        key = read_key_file(grant.key_file) if grant.key_file else None
    except ValueError as error:
        raise NoToken(f"CANDOUR_MAIL_OAUTH_KEY_FILE: {error}".removesuffix("."), must_look=True) from None
    given = {"grant_type": "client_credentials", "scope": grant.scope}
    method: str | PrivateKeyJWT = "client_secret_post"
    auth = None
    if key and key.account:
        given, auth = {"grant_type": JWTBearerGrant.GRANT_TYPE, "assertion": _assertion(grant, key)}, _as_it_is
    elif key:
        headers = {"typ": "JWT"} | ({"x5t#S256": key.thumbprint} if key.thumbprint else {})  # by it Microsoft finds the certificate
        method = PrivateKeyJWT(grant.token_url, headers=headers, alg="PS256" if key.thumbprint else "RS256")
    secret = RSAKey.import_key(key.key) if key else grant.client_secret
    with closing(_Session(grant, secret, method)) as session:
        found = session.fetch_token(grant.token_url, auth=auth, allow_redirects=False, timeout=COMMAND_SECONDS, stream=True, **given)
    return _token(found, urlsplit(grant.token_url).hostname)


def _assertion(grant: Grant, key: KeyFile) -> str:
    claims = {"scope": grant.scope}
    found = JWTBearerGrant.sign(
        RSAKey.import_key(key.key), key.account, grant.token_url, grant.user, claims=claims, header={"alg": "RS256", "typ": "JWT"}
    )
    return str(found)


def _token(found: dict[str, Any], host: str | None) -> tuple[str, float]:
    token, kind, lifetime = found.get("access_token"), found.get("token_type", "Bearer"), found.get("expires_in", USUAL_SECONDS)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or str(kind).lower() != "bearer":
        raise NoToken(_senseless(host), must_look=True)
    return token, min(max(float(lifetime), 1.0), 86_400.0)


def _senseless(host: str | None) -> str:
    return f"what the sign-in server {host} answers is no token; check CANDOUR_MAIL_OAUTH_TOKEN_URL"


def _refused(response: Response) -> Response:
    """Lets a good answer through; the server's own words stay out, for they may quote what we sent."""
    host = urlsplit(response.url).hostname
    if response.status_code == 200:
        return response
    if response.status_code == 429 or response.status_code >= 500:
        raise NoToken(f"the sign-in server {host} is busy ({response.status_code})", must_look=False)
    try:
        found = response.json()
        error, words = str(found["error"]), str(found.get("error_description", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoToken(f"{_senseless(host)} ({response.status_code})", must_look=True) from None
    if error not in _REFUSALS:
        raise NoToken(f"the sign-in server {host} refuses us ({response.status_code}); check CANDOUR_MAIL_OAUTH_*", must_look=True)
    number = _MICROSOFT_FAULT.search(words)
    shown = f"{error}, {number[0]}" if number else error
    raise NoToken(f"the sign-in server {host} refuses us: {_REFUSALS[error]} ({shown}); check CANDOUR_MAIL_OAUTH_*", must_look=True)


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request  # given, so that no password file of the system's user is looked into


def _proxies(url: str) -> dict[str, str]:
    """The proxy that the system names for this address; none for this very machine."""
    return {} if is_loopback(urlsplit(url).hostname or "") else dict(get_environ_proxies(url))


class _Session(OAuth2Session):  # type: ignore[misc] # the library has no types
    """One request: no redirect, no password file, the authorities that mail trusts, and an answer of bounded size."""

    def __init__(self, grant: Grant, secret: object, method: object) -> None:
        super().__init__(grant.client_id, secret, token_endpoint_auth_method=method, trust_env=False)
        self.proxies = _proxies(grant.token_url)
        self.mount("https://", Verified(grant.ca_file))
        self.register_compliance_hook("access_token_response", _refused)

    def request(self, method: str, url: str, **more: Any) -> Response:  # noqa: ANN401 - what the library passes through
        """Reads the answer up to a limit."""
        response: Response = super().request(method, url, withhold_token=True, **more)
        with response:
            octets = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        if len(octets) > LARGEST_ANSWER:
            raise ValueError("too long an answer")
        response._content = octets  # noqa: SLF001 - where the library itself puts what it has read
        return response


class Verified(HTTPAdapter):
    """Certificates are checked against the system's authorities and an own one, as for mail, not against a list of the library's."""

    def __init__(self, ca_file: Path | None) -> None:
        self.context = ssl.create_default_context()
        try:
            if ca_file:
                self.context.load_verify_locations(ca_file)
        except OSError:
            raise NoToken("CANDOUR_MAIL_CA_FILE holds no certificate that can be read", must_look=True) from None
        super().__init__()

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: bool | str,  # noqa: FBT001 - the library's own
        cert: str | tuple[str, str] | None = None,
    ) -> tuple[Any, Any]:
        """Puts our context in."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self.context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leaves our context as it is."""

"""Asking for tokens (OAuth 2.0).

An application with a secret or a key asks in its own name (RFC 6749, 4.4; RFC 7523, 2.2: Microsoft); a service account asks in
the name of the mailbox (RFC 7523, 2.1: Google). Loaded when the first token is needed, because its libraries hold 20 MiB.
"""

import re
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import JWTBearerGrant, PrivateKeyJWT
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from requests import PreparedRequest, RequestException, Response
from requests.exceptions import ConnectTimeout, ReadTimeout, SSLError

from survey.kernel.sign_in_key import KeyFile, read_key_file
from survey.kernel.timeouts import run_within
from survey.mail.smtp.rules.grants import Grant, NoToken
from survey.mail.smtp.service.web import Verified, proxies_for

COMMAND_SECONDS, USUAL_SECONDS = 10.0, 3600.0
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


def renew_token(grant: Grant, seconds: float) -> tuple[str, float]:
    """A new token and its lifetime in seconds, or `NoToken`, after so many seconds at most."""
    host = urlsplit(grant.token_url).hostname
    try:
        return run_within(seconds, lambda: _asked(grant))
    except (TimeoutError, ConnectTimeout, ReadTimeout):
        raise NoToken(
            f"the sign-in server {host} does not answer in time", must_look=False
        ) from None
    except SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(
            error
        ):  # the certificate's own error is buried in layers of the library
            says = (
                f"the certificate of the sign-in server {host} is not valid for its name; nothing"
                " that signs us in was sent"
            )
            raise NoToken(says, must_look=True) from None
        raise NoToken(
            f"no encrypted connection to the sign-in server {host}", must_look=False
        ) from None
    except (RequestException, OSError):
        says = f"the sign-in server {host} cannot be reached"
        raise NoToken(says, must_look=False) from None
    except (ValueError, TypeError, RecursionError, AuthlibBaseError, JoseError):
        raise NoToken(_senseless(host), must_look=True) from None


def _asked(grant: Grant) -> tuple[str, float]:
    """Asks the server; in the name of an application, or, with a service account's key, in that of the mailbox."""
    try:
        key = read_key_file(grant.key_file) if grant.key_file else None
    except ValueError as error:
        fault = str(error).removeprefix(f"{grant.key_file} ").removesuffix(".")
        raise NoToken(f"the key file for mail {fault}", must_look=True) from None
    given = {"grant_type": "client_credentials", "scope": grant.scope}
    method: str | PrivateKeyJWT = "client_secret_post"
    auth = None
    if key and key.account:
        given, auth = (
            {"grant_type": JWTBearerGrant.GRANT_TYPE, "assertion": _assertion(grant, key)},
            _as_it_is,
        )
    elif key:
        headers = {"typ": "JWT"} | (
            {"x5t#S256": key.thumbprint} if key.thumbprint else {}
        )  # by it Microsoft finds the certificate
        method = PrivateKeyJWT(
            grant.token_url, headers=headers, alg="PS256" if key.thumbprint else "RS256"
        )
    secret = RSAKey.import_key(key.key) if key else grant.client_secret
    with closing(_Session(grant, secret, method)) as session:
        found = session.fetch_token(
            grant.token_url,
            auth=auth,
            allow_redirects=False,
            timeout=COMMAND_SECONDS,
            stream=True,
            **given,
        )
    return _token(found, urlsplit(grant.token_url).hostname)


def _assertion(grant: Grant, key: KeyFile) -> str:
    claims = {"scope": grant.scope}
    found = JWTBearerGrant.sign(
        RSAKey.import_key(key.key),
        key.account,
        grant.token_url,
        grant.user,
        claims=claims,
        header={"alg": "RS256", "typ": "JWT"},
    )
    return str(found)


def _token(found: dict[str, Any], host: str | None) -> tuple[str, float]:
    token, kind, lifetime = (
        found.get("access_token"),
        found.get("token_type", "Bearer"),
        found.get("expires_in", USUAL_SECONDS),
    )
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or str(kind).lower() != "bearer":
        raise NoToken(_senseless(host), must_look=True)
    return token, min(max(float(lifetime), 1.0), 86_400.0)


def _senseless(host: str | None) -> str:
    return f"what the sign-in server {host} answers is no token"


def _refused(response: Response) -> Response:
    """Lets a good answer through; the server's own words stay out, for they may quote what we sent."""
    host = urlsplit(response.url).hostname
    if response.status_code == 200:
        return response
    if response.status_code == 429 or response.status_code >= 500:
        raise NoToken(
            f"the sign-in server {host} is busy ({response.status_code})", must_look=False
        )
    try:
        found = response.json()
        error, words = str(found["error"]), str(found.get("error_description", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoToken(f"{_senseless(host)} ({response.status_code})", must_look=True) from None
    if error not in _REFUSALS:
        raise NoToken(
            f"the sign-in server {host} refuses us ({response.status_code})", must_look=True
        )
    number = _MICROSOFT_FAULT.search(words)
    shown = f"{error}, {number[0]}" if number else error
    raise NoToken(
        f"the sign-in server {host} refuses us: {_REFUSALS[error]} ({shown})", must_look=True
    )


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request  # given, so that no password file of the system's user is looked into


class _Session(OAuth2Session):  # type: ignore[misc] # the library has no types
    """One request: no redirect, no password file, the authorities that mail trusts, and an answer of bounded size."""

    def __init__(self, grant: Grant, secret: object, method: object) -> None:
        super().__init__(
            grant.client_id, secret, token_endpoint_auth_method=method, trust_env=False
        )
        self.proxies = proxies_for(grant.token_url)
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

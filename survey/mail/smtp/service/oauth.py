"""Asking for tokens (OAuth 2.0).

An application with a secret or a key asks in its own name (RFC 6749, 4.4; RFC 7523, 2.2:
Microsoft); a service account asks in the name of the mailbox (RFC 7523, 2.1: Google). Imported when
the first token is needed, because its libraries hold 20 MiB.
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

COMMAND_SECONDS = 10.0
USUAL_SECONDS = 3600.0  # a token's lifetime, where the server does not say
LONGEST_SECONDS = 86_400.0  # a token's lifetime, whatever the server says
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
    """Asks the token server for a new token; gives it and its lifetime in seconds.

    Waits at most so many `seconds`. Raises `NoToken`.
    """
    host = urlsplit(grant.token_url).hostname
    try:
        return run_within(seconds, lambda: _request_token(grant))
    except (TimeoutError, ConnectTimeout, ReadTimeout):
        reason = f"the sign-in server {host} does not answer in time"
        raise NoToken(reason, must_look=False) from None
    except SSLError as error:
        # The certificate's own error is buried in layers of the library.
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            reason = (
                f"the certificate of the sign-in server {host} is not valid for its name; nothing"
                " that signs us in was sent"
            )
            raise NoToken(reason, must_look=True) from None
        reason = f"no encrypted connection to the sign-in server {host}"
        raise NoToken(reason, must_look=False) from None
    except (RequestException, OSError):
        reason = f"the sign-in server {host} cannot be reached"
        raise NoToken(reason, must_look=False) from None
    except (ValueError, TypeError, RecursionError, AuthlibBaseError, JoseError):
        raise NoToken(_no_token_from(host), must_look=True) from None


def _request_token(grant: Grant) -> tuple[str, float]:
    """Asks the token server for a token and its lifetime in seconds.

    In the name of an application, or, with a service account's key, in that of the mailbox.
    """
    key = _read_key(grant)
    parameters = {"grant_type": "client_credentials", "scope": grant.scope}
    method: str | PrivateKeyJWT = "client_secret_post"
    auth = None
    if key and key.account:
        parameters = {
            "grant_type": JWTBearerGrant.GRANT_TYPE,
            "assertion": _assertion(grant, key),
        }
        auth = _unchanged
    elif key:
        method = _key_method(grant, key)
    secret = RSAKey.import_key(key.key) if key else grant.client_secret
    with closing(_Session(grant, secret, method)) as session:
        answer = session.fetch_token(
            grant.token_url,
            auth=auth,
            allow_redirects=False,
            timeout=COMMAND_SECONDS,
            stream=True,
            **parameters,
        )
    return _token_and_lifetime(answer, urlsplit(grant.token_url).hostname)


def _read_key(grant: Grant) -> KeyFile | None:
    """Reads the key file that proves who we are; None without one; `NoToken` if it is faulty."""
    try:
        return read_key_file(grant.key_file) if grant.key_file else None
    except ValueError as error:
        fault = str(error).removeprefix(f"{grant.key_file} ").removesuffix(".")
        raise NoToken(f"the key file for mail {fault}", must_look=True) from None


def _key_method(grant: Grant, key: KeyFile) -> PrivateKeyJWT:
    """The way an application proves with a key who it is: PS256 with thumbprint, or RS256.

    Microsoft finds the key by the thumbprint.
    """
    if key.thumbprint:
        headers = {"typ": "JWT", "x5t#S256": key.thumbprint}
        return PrivateKeyJWT(grant.token_url, headers=headers, alg="PS256")
    return PrivateKeyJWT(grant.token_url, headers={"typ": "JWT"}, alg="RS256")


def _assertion(grant: Grant, key: KeyFile) -> str:
    """Signs the claim by which a service account asks for the mailbox's token (RFC 7523, 2.1)."""
    assertion = JWTBearerGrant.sign(
        RSAKey.import_key(key.key),
        key.account,
        grant.token_url,
        grant.user,
        claims={"scope": grant.scope},
        header={"alg": "RS256", "typ": "JWT"},
    )
    return str(assertion)


def _token_and_lifetime(answer: dict[str, Any], host: str | None) -> tuple[str, float]:
    """The token in an answer and its lifetime (1 s to a day); `NoToken` for anything else."""
    token = answer.get("access_token")
    scheme = str(answer.get("token_type", "Bearer")).lower()
    lifetime = float(answer.get("expires_in", USUAL_SECONDS))
    is_token = isinstance(token, str) and _TOKEN.fullmatch(token)
    if not is_token or scheme != "bearer":
        raise NoToken(_no_token_from(host), must_look=True)
    return str(token), min(max(lifetime, 1.0), LONGEST_SECONDS)


def _no_token_from(host: str | None) -> str:
    """The reason for an answer of this server that is no token."""
    return f"what the sign-in server {host} answers is no token"


def _refuse_failure(response: Response) -> Response:
    """Gives an answer with status 200 back; raises `NoToken` for any other.

    The server's own words stay out, for they may quote what we sent.
    """
    host, status = urlsplit(response.url).hostname, response.status_code
    if status == 200:
        return response
    if status == 429 or status >= 500:
        raise NoToken(f"the sign-in server {host} is busy ({status})", must_look=False)
    try:
        answer = response.json()
        error, words = str(answer["error"]), str(answer.get("error_description", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoToken(f"{_no_token_from(host)} ({status})", must_look=True) from None
    if error not in _REFUSALS:
        raise NoToken(f"the sign-in server {host} refuses us ({status})", must_look=True)
    microsoft_fault = _MICROSOFT_FAULT.search(words)
    code = f"{error}, {microsoft_fault[0]}" if microsoft_fault else error
    reason = f"the sign-in server {host} refuses us: {_REFUSALS[error]} ({code})"
    raise NoToken(reason, must_look=True)


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    """The request as it is; as `auth` it keeps the library from reading a password file."""
    return request


class _Session(OAuth2Session):  # type: ignore[misc] # the library has no types
    """A session for one token request, without redirects and without a password file.

    Certificates are checked as for mail, and the answer is of bounded size.
    """

    def __init__(self, grant: Grant, secret: object, method: object) -> None:
        super().__init__(
            grant.client_id, secret, token_endpoint_auth_method=method, trust_env=False
        )
        self.proxies = proxies_for(grant.token_url)
        self.mount("https://", Verified(grant.ca_file))
        self.register_compliance_hook("access_token_response", _refuse_failure)

    def request(self, method: str, url: str, **more: Any) -> Response:  # noqa: ANN401 - what the library passes through
        """Sends the request and reads the answer; ValueError when it is over 64 KiB."""
        response: Response = super().request(method, url, withhold_token=True, **more)
        with response:
            octets = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        if len(octets) > LARGEST_ANSWER:
            raise ValueError("too long an answer")
        response._content = octets  # noqa: SLF001 - where the library itself puts what it has read
        return response

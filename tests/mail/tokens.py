"""A real token endpoint in a thread: checks what it gets, and hands tokens out."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SECRET = "s3cret~of.the-application"
APPLICATION, ACCOUNT = "11111111-2222-3333", "candour@project.example"
MAILBOX = "dana@northwind.example"


@dataclass
class TokenServer:
    """Whom it knows, what it has seen, and what the next requests get instead of a token."""

    port: int = 0
    scheme: str = "https"
    scope: str = "https://outlook.office365.com/.default"
    public_key: RSAKey | None = None
    thumbprint: str | None = None
    lifetime: object = 3600
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    seconds: float = 0.0
    issued: list[str] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/tenant/oauth2/v2.0/token"

    def fault(self, given: dict[str, str]) -> str | None:
        """Why this request gets no token, in the words of RFC 6749."""
        if given.get("grant_type") == JWT_BEARER:
            claims = self.claims(given.get("assertion", ""))
            good = claims and (claims["iss"], claims["sub"], claims["scope"]) == (
                ACCOUNT,
                MAILBOX,
                self.scope,
            )
            return None if good else "invalid_grant"
        if given.get("grant_type") != "client_credentials":
            return "unsupported_grant_type"
        if given.get("scope") != self.scope:
            return "invalid_scope"
        if self.public_key:
            claims = (
                self.claims(given.get("client_assertion", ""))
                if given.get("client_assertion_type") == ASSERTED
                else None
            )
            good = (
                claims
                and claims["iss"] == claims["sub"] == APPLICATION
                and "client_secret" not in given
            )
        else:
            good = (given.get("client_id"), given.get("client_secret")) == (APPLICATION, SECRET)
        return None if good else "invalid_client"

    def claims(self, assertion: str) -> dict[str, object] | None:
        """What a signed assertion says, if its signature is good, and it is for us and of now."""
        try:
            assert self.public_key
            token = jwt.decode(assertion, self.public_key, algorithms=["RS256", "PS256"])
            jwt.JWTClaimsRegistry(
                aud={"essential": True, "value": self.url}, exp={"essential": True}
            ).validate(token.claims)
        except (JoseError, ValueError):
            return None
        if token.header.get("x5t#S256") != self.thumbprint or token.header["alg"] != (
            "PS256" if self.thumbprint else "RS256"
        ):
            return None
        return dict(token.claims)

    def answer(self, given: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        """A token, a refusal, or what was ordered."""
        self.seen.append(given)
        if self.answers:
            return self.answers.pop(0)
        if fault := self.fault(given):
            self.refused.append(fault)
            words = (
                "AADSTS7000215: Invalid client secret provided:"
                f" '{given.get('client_secret')}'.\r\nTrace ID: \u00fc"
            )
            return 401, json.dumps({"error": fault, "error_description": words}).encode(), {}
        self.issued.append(f"token-{len(self.issued) + 1}.{'x' * 1500}")  # as long as real ones
        return (
            200,
            json.dumps(
                {
                    "token_type": "Bearer",
                    "expires_in": self.lifetime,
                    "access_token": self.issued[-1],
                }
            ).encode(),
            {},
        )


@contextmanager
def open_token_server(context: ssl.SSLContext | None) -> Iterator[TokenServer]:
    """A token endpoint on loopback until the block ends; over plain HTTP without a context."""
    token_server = TokenServer(scheme="https" if context else "http")

    class Handler(BaseHTTPRequestHandler):
        timeout = 20

        def do_POST(self) -> None:
            assert "Authorization" not in self.headers
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, octets, headers = token_server.answer(
                {name: values[0] for name, values in parse_qs(body).items()}
            )
            with suppress(OSError):
                self.send_response(status)
                for name, value in (
                    {"Content-Type": "application/json", "Content-Length": str(len(octets))}
                    | headers
                ).items():
                    self.send_header(name, value)
                self.end_headers()
                for at in range(len(octets)) if token_server.seconds else ():  # octet by octet
                    time.sleep(token_server.seconds)
                    self.wfile.write(octets[at : at + 1])
                if not token_server.seconds:
                    self.wfile.write(octets)

        def log_message(self, *_words: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_words: object) -> None:
            """A client that does not trust us is expected."""

        def finish_request(self, request: object, client_address: object) -> None:
            if not context:
                super().finish_request(request, client_address)  # type: ignore[arg-type]
                return
            with context.wrap_socket(request, server_side=True) as secured:  # type: ignore[arg-type]
                super().finish_request(secured, client_address)  # type: ignore[arg-type]

    server = Server(("127.0.0.1", 0), Handler)
    token_server.port = server.server_port
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield token_server
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()

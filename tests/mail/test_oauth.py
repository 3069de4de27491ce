"""Tokens from a real endpoint over TLS that checks the secret, or our assertion's signature."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate
from joserfc.jwk import RSAKey

from survey.mail.smtp.rules.grants import Grant, NoToken
from survey.mail.smtp.service import tokens
from survey.mail.smtp.service.tokens import TokenSource, token_source
from tests.conftest import settings
from tests.mail.tokens import ACCOUNT, APPLICATION, MAILBOX, SECRET, TokenServer, open_token_server
from tests.ports import free_port

GOOGLE = "https://mail.google.com/"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def certified(
    authority: trustme.CA, name: str = "127.0.0.1", *, valid_days: int = 1
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        name, not_after=datetime.now(UTC) + timedelta(days=valid_days)
    ).configure_cert(context)
    return context


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[TokenServer]:
    with open_token_server(certified(authority)) as token_server:
        yield token_server


@pytest.fixture
def grant(server: TokenServer, ca_file: Path) -> Grant:
    return Grant(server.url, server.scope, MAILBOX, APPLICATION, SECRET, None, ca_file)


@pytest.fixture(scope="module")
def own_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def public(key: rsa.RSAPrivateKey) -> RSAKey:
    octets = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return RSAKey.import_key(octets.decode())


def fault(grant: Grant, seconds: float = 10.0) -> NoToken:
    with pytest.raises(NoToken) as refused:
        TokenSource(grant, seconds).token()
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    return refused.value


def test_an_application_with_a_secret_gets_a_token(server: TokenServer, grant: Grant) -> None:
    assert TokenSource(grant).token() == server.issued[0]
    (seen,) = server.seen
    assert seen == {
        "grant_type": "client_credentials",
        "client_id": APPLICATION,
        "client_secret": SECRET,
        "scope": server.scope,
    }


def test_an_application_with_a_key_signs_and_sends_no_secret(
    server: TokenServer, grant: Grant, own_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(pem(own_key))
    server.public_key = public(own_key)
    keyed = replace(grant, client_secret="", key_file=tmp_path / "key.pem")
    assert TokenSource(keyed).token() == server.issued[0]
    server.public_key = public(rsa.generate_private_key(65537, 2048))
    assert "does not accept the client id with this secret or key" in fault(keyed).reason


def test_an_application_with_a_certificate_names_it_by_its_thumbprint(
    server: TokenServer, grant: Grant, authority: trustme.CA, tmp_path: Path
) -> None:
    issued = authority.issue_cert("candour.northwind.example", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "key.pem")
    certificate = load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
    public_key = certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    server.public_key = RSAKey.import_key(public_key.decode())
    server.thumbprint = (
        base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
    )
    assert (
        TokenSource(replace(grant, client_secret="", key_file=tmp_path / "key.pem")).token()
        == server.issued[0]
    )


def account_file(folder: Path, key: rsa.RSAPrivateKey, token_url: str) -> Path:
    content = {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key": pem(key),
        "token_uri": token_url,
    }
    (folder / "account.json").write_text(json.dumps(content))
    return folder / "account.json"


def test_a_service_account_asks_in_the_name_of_the_mailbox(
    server: TokenServer, ca_file: Path, own_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    server.public_key, server.scope = public(own_key), GOOGLE
    more = {
        "CANDOUR_MAIL_URL": f"smtp+starttls://{MAILBOX.replace('@', '%40')}@mail.northwind.example",
        "CANDOUR_MAIL_OAUTH_KEY_FILE": str(account_file(tmp_path, own_key, server.url)),
        "CANDOUR_MAIL_CA_FILE": str(ca_file),
    }
    config = settings(f"sqlite:///{tmp_path / 'candour.db'}", tmp_path, **more)
    source = token_source(config)
    assert source
    assert source.token() == server.issued[0]
    assert set(server.seen[0]) == {"grant_type", "assertion"}
    assert token_source(config) is source
    another = token_source(config, "bounces@northwind.example")
    assert another
    assert another is not source
    with pytest.raises(NoToken, match="does not accept this key for this mailbox"):
        another.token()


def test_without_settings_there_is_no_source(tmp_path: Path) -> None:
    assert token_source(settings(f"sqlite:///{tmp_path / 'candour.db'}", tmp_path)) is None


def test_a_token_is_used_until_five_minutes_before_its_end(
    server: TokenServer, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, clock = TokenSource(grant), [1000.0]
    monkeypatch.setattr(tokens.time, "monotonic", lambda: clock[0])
    first = source.token()
    clock[0] += 3600 - 301
    assert source.token() == first
    clock[0] += 2
    second = source.token()
    assert [first, second] == server.issued
    third = source.token(fresh=True)
    assert source.token() == third == server.issued[2]


@pytest.mark.parametrize("lifetime", [1, "3600", 0, -5])
def test_odd_lifetimes_are_lived_with(server: TokenServer, grant: Grant, lifetime: object) -> None:
    server.lifetime = lifetime
    assert TokenSource(grant).token() == server.issued[0]


def test_many_connections_share_one_token(server: TokenServer, grant: Grant) -> None:
    source = TokenSource(grant)
    tokens_given: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens_given.append(source.token())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(tokens_given) == {server.issued[0]}
    assert len(server.seen) == 1


def test_a_wrong_secret_is_told_clearly_and_without_the_secret(
    server: TokenServer, grant: Grant
) -> None:
    no_token = fault(replace(grant, client_secret="wrong~secret"))
    assert no_token.must_look
    assert (
        no_token.reason
        == "the sign-in server 127.0.0.1 refuses us: it does not accept the client id with this"
        " secret or key (invalid_client, AADSTS7000215)"
    )
    assert "wrong~secret" not in repr(replace(grant, client_secret="wrong~secret"))
    assert server.refused == ["invalid_client"]


GOOD = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("status", "body", "must_look"),
    [
        (500, b"{}", False),
        (503, b"busy", False),
        (429, b"<html>slow</html>", False),
        (404, b"<html>not here</html>", True),
        (400, b"[]", True),
        (400, b'{"error": {"code": 1}}', True),
        (400, b'{"error": "interaction_required", "error_description": 5}', True),
        (302, b"", True),
        (200, b"", True),
        (200, b"[1]", True),
        (200, b"{}", True),
        (200, b"\xff\xfe", True),
        (200, b"[" * 60_000, True),
        (200, b"x" * 100_000, True),
        (200, json.dumps(GOOD | {"access_token": "abc\x01auth=Bearer x"}).encode(), True),
        (200, json.dumps(GOOD | {"access_token": "abc\r\nRSET"}).encode(), True),
        (200, json.dumps(GOOD | {"access_token": 5}).encode(), True),
        (200, json.dumps(GOOD | {"token_type": "mac"}).encode(), True),
        (200, json.dumps(GOOD | {"expires_in": "soon"}).encode(), True),
        (200, json.dumps(GOOD | {"expires_in": []}).encode(), True),
        (
            200,
            json.dumps({"error": "invalid_client", "error_description": "\u00fc\n"}).encode(),
            True,
        ),
    ],
)
def test_an_answer_that_is_no_token_has_one_clear_sentence(
    server: TokenServer, grant: Grant, status: int, body: bytes, *, must_look: bool
) -> None:
    server.answers = [(status, body, {"Location": server.url} if status == 302 else {})]
    no_token = fault(grant)
    assert no_token.must_look is must_look
    assert "sign-in server 127.0.0.1" in no_token.reason
    assert len(server.seen) == 1, "nobody is sent elsewhere with a secret in hand"


@pytest.mark.parametrize("problem", ["another name", "expired", "unknown authority"])
def test_an_impostor_gets_nothing(authority: trustme.CA, ca_file: Path, problem: str) -> None:
    name = "login.other.example" if problem == "another name" else "127.0.0.1"
    with open_token_server(
        certified(authority, name, valid_days=-1 if problem == "expired" else 1)
    ) as impostor:
        trusted = None if problem == "unknown authority" else ca_file
        no_token = fault(
            Grant(impostor.url, impostor.scope, MAILBOX, APPLICATION, SECRET, None, trusted)
        )
        assert impostor.seen == []
    assert no_token.must_look
    assert "nothing that signs us in was sent" in no_token.reason


def test_a_server_that_is_away_or_never_ends_is_left(server: TokenServer, grant: Grant) -> None:
    gone = fault(replace(grant, token_url=f"https://127.0.0.1:{free_port()}/token"))
    server.seconds = 0.2
    slow = fault(grant, seconds=1.0)
    assert not gone.must_look
    assert "cannot be reached" in gone.reason
    assert not slow.must_look
    assert "does not answer in time" in slow.reason


def test_no_proxy_stands_between_us_and_this_machine(
    grant: Grant, server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    source = TokenSource(grant)
    assert source.server == "127.0.0.1"
    assert source.token() == server.issued[0]
    elsewhere = TokenSource(replace(grant, token_url="https://login.other.example/token"))
    assert elsewhere.server == "login.other.example through the proxy 127.0.0.1"
    assert not fault(elsewhere.grant).must_look, "the proxy is used, and is away"


def test_a_password_file_of_the_system_is_not_looked_into(
    grant: Grant, server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login dana password hush\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (
        TokenSource(grant).token() == server.issued[0]
    )  # the endpoint refuses a header of that kind


def test_plain_http_is_for_this_machine(tmp_path: Path) -> None:
    with open_token_server(None) as plain:
        assert (
            TokenSource(Grant(plain.url, plain.scope, MAILBOX, APPLICATION, SECRET)).token()
            == plain.issued[0]
        )


def test_files_that_went_bad_after_the_start_are_named(grant: Grant, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("nothing")
    bad_key = fault(replace(grant, client_secret="", key_file=tmp_path / "key.pem"))
    assert bad_key.must_look
    assert bad_key.reason == "the key file for mail holds no private key in PEM form"
    bad_authority = fault(replace(grant, ca_file=tmp_path / "key.pem"))
    assert bad_authority.must_look
    assert "the file of trusted authorities" in bad_authority.reason

"""Settings are read once, checked all together, and never printed when they are secret."""

import json
import re
import stat
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from survey.config import Config, kept_secret
from survey.kernel.errors import Refused
from survey.kernel.hosts import is_loopback

SERVER = {
    "CANDOUR_DATABASE_URL": "postgresql://candour:hush-hush@db.example/candour",
    "CANDOUR_BASE_URL": "https://feedback.northwind.example",
    "CANDOUR_SECRET_KEY": "0123456789abcdef" * 3,
    "CANDOUR_KEY_DIR": "/srv/candour-keys",
    "CANDOUR_MAIL_URL": "smtp+starttls://feedback:open-sesame@mail.northwind.example:587",
    "CANDOUR_MAIL_FROM": "Dana Reyes <feedback@northwind.example>",
}

NO_NUL = st.characters(
    exclude_categories=["Cs"], exclude_characters="\0"
)  # no environment can hold it


def faults(environ: dict[str, str], cwd: Path) -> dict[str, str]:
    """What is wrong with each setting, by its name."""
    with pytest.raises(Refused) as refused:
        Config.from_environment(environ, cwd)
    return dict(line.split(": ", 1) for line in refused.value.details)


def test_nothing_set_is_a_trial_on_this_machine(tmp_path: Path) -> None:
    config = Config.from_environment({}, tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path / 'instance' / 'candour.db'}"
    assert config.database_file == tmp_path / "instance" / "candour.db"
    assert config.folder == tmp_path / "instance"
    assert config.key_dir == tmp_path / "instance" / "keys"
    assert config.base_url == "http://127.0.0.1:8000"
    assert (config.is_local, config.is_demo) == (True, True)
    assert (config.timezone, config.proxies, config.mail_per_minute, config.mail_ca_file) == (
        "UTC",
        0,
        None,
        None,
    )


def test_a_server_says_everything_itself(tmp_path: Path) -> None:
    config = Config.from_environment(SERVER, tmp_path)
    assert config.database_url == "postgresql+psycopg://candour:hush-hush@db.example/candour"
    assert config.database_file is None
    assert config.key_dir == Path("/srv/candour-keys")
    assert config.secret_key == SERVER["CANDOUR_SECRET_KEY"]
    assert (config.is_local, config.is_demo) == (False, False)
    assert list(tmp_path.iterdir()) == []


def test_the_example_for_a_server_is_complete(tmp_path: Path) -> None:
    example = dotenv_values(Path(__file__).parents[2] / "deploy" / "candour.env.example")
    config = Config.from_environment(
        {name: value or "" for name, value in example.items()}, tmp_path
    )
    assert config.proxies == 1
    assert not config.is_local


def test_settings_are_frozen(tmp_path: Path) -> None:
    config = Config.from_environment(SERVER, tmp_path)
    with pytest.raises(FrozenInstanceError):
        config.base_url = "https://elsewhere.example"  # type: ignore[misc]


def test_a_server_with_only_its_address_is_told_all_that_is_missing_at_once(tmp_path: Path) -> None:
    found = faults(
        {
            "CANDOUR_BASE_URL": "https://feedback.northwind.example",
            "CANDOUR_DATABASE_URL": SERVER["CANDOUR_DATABASE_URL"],
        },
        tmp_path,
    )
    assert set(found) == {
        "CANDOUR_KEY_DIR",
        "CANDOUR_MAIL_URL",
        "CANDOUR_MAIL_FROM",
        "CANDOUR_SECRET_KEY",
    }
    assert all(text.startswith("missing. ") for text in found.values()), "each names its remedy"


def test_a_refused_start_leaves_nothing_behind(tmp_path: Path) -> None:
    faults({"CANDOUR_TIMEZONE": "Mars/Olympus"}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://db.example/candour", "mysql is not supported"),
        ("DATABASE_URL", "not an address", "not a database address"),
        ("DATABASE_URL", "postgresql://db.example:port/candour", "not a database address"),
        ("DATABASE_URL", "sqlite://", "needs a file"),
        ("DATABASE_URL", "sqlite:///:memory:", "needs a file"),
        ("BASE_URL", "feedback.northwind.example", "not an address"),
        ("BASE_URL", "ftp://feedback.northwind.example", "not an address"),
        ("BASE_URL", "https://feedback.northwind.example/survey", "no path"),
        ("BASE_URL", "https://feedback.northwind.example?a=b", "no path"),
        ("BASE_URL", "https://[::1", "not an address"),
        ("BASE_URL", "https://feedback.northwind.example:99999", "not an address"),
        ("BASE_URL", "https://dana:open-sesame@feedback.northwind.example", "not an address"),
        ("BASE_URL", "http://feedback.northwind.example", "Use https://"),
        ("SECRET_KEY", "short", "only 5 characters"),
        ("MAIL_URL", "imap://mail.northwind.example", "must start with"),
        ("MAIL_URL", "smtp://mail.northwind.example", "this machine only"),
        ("MAIL_URL", "smtps://[::1", "must start with"),
        ("MAIL_URL", "smtps://", "names no mail server"),
        ("MAIL_URL", "smtps://mail.northwind.example:99999", "port"),
        ("MAIL_URL", "catcher://", "demos"),
        ("MAIL_FROM", "Dana Reyes", "not an address"),
        (
            "MAIL_FROM",
            "Dana <dana@northwind.example>\nBcc: all@northwind.example",
            "not an address",
        ),
        ("MAIL_FROM", "Dana <dana@northwind>", "not an address"),
        ("MAIL_FROM", "Dana <dana@north_wind.example>", "not an address"),
        ("MAIL_FROM", "Dana <dana@❤.example>", "not an address"),
        ("MAIL_URL", "smtps://feedback@mail.northwind.example", "no password"),
        ("MAIL_FROM", "Dana <d\u00e4na@northwind.example>", "accents before the @"),
        ("MAIL_PER_MINUTE", "0", "whole number from 1"),
        ("MAIL_PER_MINUTE", "-5", "whole number from 1"),
        ("MAIL_PER_MINUTE", "1.5", "whole number from 1"),
        ("MAIL_PER_MINUTE", "many", "whole number"),
        ("MAIL_PER_MINUTE", "²", "whole number"),
        ("MAIL_CA_FILE", "no-such.pem", "there is no file"),
        ("BOUNCE_ADDRESS", "bounces", "not an address"),
        ("BOUNCE_ADDRESS", "@northwind.example", "not an address"),
        ("BOUNCE_ADDRESS", "Dana <bounces@northwind.example>", "not an address"),
        ("BOUNCE_ADDRESS", "bounces+*+*@northwind.example", "not an address"),
        ("BOUNCE_ADDRESS", "bounces@*.northwind.example", "not an address"),
        ("BOUNCE_ADDRESS", "bounces@north_wind.example", "not an address"),
        ("BOUNCE_ADDRESS", "bounces..*@northwind.example", "not an address"),
        ("BOUNCE_ADDRESS", f"{'b' * 33}*@northwind.example", "not an address"),
        ("BOUNCE_URL", "pop3://a:b@mail.northwind.example", "must start with"),
        ("BOUNCE_URL", "imap://a:b@mail.northwind.example", "this machine only"),
        ("BOUNCE_URL", "imaps://mail.northwind.example", "no user"),
        ("BOUNCE_URL", "imaps://a:b@", "no server"),
        ("BOUNCE_URL", "imaps://a:b@mail.northwind.example:0", "port"),
        ("BOUNCE_URL", "imaps://a:b#c@mail.northwind.example", "percent-encode"),
        ("BOUNCE_URL", "imaps://a:b@mail.northwind.example/IN#BOX", "percent-encode"),
        ("TIMEZONE", "Europe/Londinium", "not a time zone"),
        ("TIMEZONE", "Europe", "not a time zone"),
        ("TIMEZONE", "A" * 300, "not a time zone"),
        ("TIMEZONE", "../../etc/passwd", "not a time zone"),
        ("PROXIES", "-1", "whole number from 0"),
        ("PROXY", "1", "no such setting"),
    ],
)
def test_each_wrong_setting_is_named_alone_with_its_remedy(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    found = faults(SERVER | {f"CANDOUR_{name}": value}, tmp_path)
    assert set(found) == {f"CANDOUR_{name}"}
    assert says in found[f"CANDOUR_{name}"]


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    wrong = {
        "CANDOUR_TIMEZONE": "x",
        "CANDOUR_PROXIES": "x",
        "CANDOUR_MAIL_FROM": "x",
        "CANDOUR_BASE_URL": "x",
        "CANDOUR_SECRET_KEY": "x",
    }
    assert set(faults(SERVER | wrong, tmp_path)) == set(wrong)


def test_all_that_can_be_wrong_with_mail_comes_at_once(tmp_path: Path) -> None:
    wrong = {
        "CANDOUR_MAIL_URL": "gopher://mail.northwind.example",
        "CANDOUR_MAIL_FROM": "",
        "CANDOUR_MAIL_PER_MINUTE": "0",
        "CANDOUR_MAIL_CA_FILE": "no-such.pem",
        "CANDOUR_MAIL_OAUTH_CLIENT_ID": "",
        "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "",
        "CANDOUR_MAIL_OAUTH_TOKEN_URL": "ftp://login.example/token",
        "CANDOUR_MAIL_OAUTH_SCOPE": 'a"b',
        "CANDOUR_BASE_URL": "https://feedback.northwind.example?a=b",
    }
    found = faults(SERVER | wrong, tmp_path)
    assert set(found) == set(wrong)
    assert all(
        re.search(
            r"Example|Set it|Use|must start with|whole number|there is no|not an address|not a"
            r" scope",
            text,
        )
        for text in found.values()
    )


MICROSOFT = SERVER | {
    "CANDOUR_MAIL_URL": "smtp+starttls://feedback%40northwind.example@smtp.office365.com",
    "CANDOUR_MAIL_OAUTH_CLIENT_ID": "11111111-2222",
    "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "s3cret~of.ours",
    "CANDOUR_MAIL_OAUTH_TOKEN_URL": "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
}


@pytest.fixture(scope="module")
def certified_key() -> bytes:
    found = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert(
        "candour.example", key_type=trustme.KeyType.RSA
    )
    return bytes(found.private_key_and_cert_chain_pem.bytes())


def test_an_application_signs_in_with_a_secret_or_a_certificate(
    tmp_path: Path, certified_key: bytes
) -> None:
    config = Config.from_environment(MICROSOFT, tmp_path)
    assert config.mail_oauth_scope == "https://outlook.office365.com/.default"
    assert (config.mail_oauth_client_id, config.mail_oauth_client_secret) == (
        "11111111-2222",
        "s3cret~of.ours",
    )
    assert "s3cret" not in repr(config)
    (tmp_path / "key.pem").write_bytes(certified_key)
    keyed = MICROSOFT | {
        "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "",
        "CANDOUR_MAIL_OAUTH_KEY_FILE": "key.pem",
    }
    assert Config.from_environment(keyed, tmp_path).mail_oauth_key_file == tmp_path / "key.pem"


def service_account(key: bytes, **more: object) -> str:
    pem = key.decode().partition("-----END RSA PRIVATE KEY-----")
    return json.dumps(
        {
            "client_email": "a@p.example",
            "private_key": pem[0] + pem[1],
            "token_uri": "https://oauth.example/token",
        }
        | more
    )


def test_a_service_account_needs_its_key_file_only(tmp_path: Path, certified_key: bytes) -> None:
    (tmp_path / "account.json").write_text(service_account(certified_key))
    google = SERVER | {
        "CANDOUR_MAIL_URL": "smtp+starttls://feedback%40northwind.example@smtp.gmail.com",
        "CANDOUR_MAIL_OAUTH_KEY_FILE": "account.json",
    }
    config = Config.from_environment(google, tmp_path)
    assert (config.mail_oauth_token_url, config.mail_oauth_scope) == (
        "https://oauth.example/token",
        "https://mail.google.com/",
    )
    both = google | {
        "CANDOUR_MAIL_OAUTH_CLIENT_ID": "x",
        "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "s3cret",
    }
    assert set(faults(both, tmp_path)) == {
        "CANDOUR_MAIL_OAUTH_CLIENT_ID",
        "CANDOUR_MAIL_OAUTH_CLIENT_SECRET",
    }
    (tmp_path / "account.json").write_text(
        service_account(certified_key, token_uri="http://oauth.example/token")
    )
    assert "Use https://" in faults(google, tmp_path)["CANDOUR_MAIL_OAUTH_TOKEN_URL"]


@pytest.mark.parametrize(
    ("changed", "at", "says"),
    [
        ({"OAUTH_CLIENT_ID": ""}, "OAUTH_CLIENT_ID", "missing"),
        ({"OAUTH_CLIENT_SECRET": ""}, "OAUTH_CLIENT_SECRET", "missing"),
        ({"OAUTH_TOKEN_URL": ""}, "OAUTH_TOKEN_URL", "missing"),
        (
            {"OAUTH_TOKEN_URL": "login.microsoftonline.com/tenant"},
            "OAUTH_TOKEN_URL",
            "not an address",
        ),
        (
            {"OAUTH_TOKEN_URL": "https://a:b@login.example/token"},
            "OAUTH_TOKEN_URL",
            "not an address",
        ),
        (
            {"OAUTH_TOKEN_URL": "http://login.microsoftonline.com/token"},
            "OAUTH_TOKEN_URL",
            "Use https://",
        ),
        ({"OAUTH_TOKEN_URL": "https://[::1/token"}, "OAUTH_TOKEN_URL", "not an address"),
        ({"OAUTH_SCOPE": "a\u00e4"}, "OAUTH_SCOPE", "not a scope"),
        ({"OAUTH_KEY_FILE": "key.pem"}, "OAUTH_CLIENT_SECRET", "Remove one of the two"),
        ({"URL": "smtps://a%40b.example:hush@smtp.office365.com"}, "URL", "Remove one of the two"),
        ({"URL": "smtps://smtp.office365.com"}, "URL", "names no mailbox"),
        ({"URL": "smtps://a%01b@smtp.office365.com"}, "URL", "names no mailbox"),
    ],
)
def test_a_sign_in_by_token_that_cannot_work_is_refused(
    tmp_path: Path, certified_key: bytes, changed: dict[str, str], at: str, says: str
) -> None:
    (tmp_path / "key.pem").write_bytes(certified_key)
    found = faults(
        MICROSOFT | {f"CANDOUR_MAIL_{name}": value for name, value in changed.items()}, tmp_path
    )
    assert set(found) == {f"CANDOUR_MAIL_{at}"}
    assert says in found[f"CANDOUR_MAIL_{at}"]
    assert not any(secret in str(found) for secret in ("hush", "s3cret"))


def test_the_demo_needs_no_token(tmp_path: Path) -> None:
    found = faults({name: value for name, value in MICROSOFT.items() if "OAUTH" in name}, tmp_path)
    assert "catcher:// needs no sign-in" in found["CANDOUR_MAIL_URL"]


def test_only_for_reading_bounces_the_mail_server_may_sign_in_otherwise(tmp_path: Path) -> None:
    relay = MICROSOFT | {"CANDOUR_MAIL_URL": SERVER["CANDOUR_MAIL_URL"]}
    assert "Remove one" in faults(relay, tmp_path)["CANDOUR_MAIL_URL"]
    (tmp_path / "keys").mkdir(exist_ok=True)
    both = relay | {
        "CANDOUR_BOUNCE_URL": "imaps://bounces%40northwind.example@outlook.office365.com"
    }
    assert Config.from_environment(both, tmp_path).mail_oauth_token_url


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no private key"),
        (b"\xff\xfe", "cannot be read as text"),
        (b"{", "no service account's key file"),
        (b"[" * 50_000, "holds no private key"),
        (b'{"client_email": "a@b.example"}', "no service account's key file"),
        (
            b'{"client_email": "a", "private_key": "x", "token_uri": "https://x.example"}',
            "cannot be read",
        ),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"),
        ("elliptic", "not RSA"),
        ("passphrase", "protected by a passphrase"),
        ("no certificate", "Microsoft needs the certificate too"),
        ("another's certificate", "belongs to another key"),
        ("broken certificate", "certificate that cannot be read"),
    ],
)
def test_a_key_file_that_cannot_sign_is_named(
    tmp_path: Path, certified_key: bytes, content: bytes | str, says: str
) -> None:
    key = certified_key[: certified_key.index(b"-----BEGIN CERTIFICATE")]
    match content:
        case "elliptic":
            content = trustme.CA().issue_cert("a.example").private_key_and_cert_chain_pem.bytes()
        case "passphrase":
            form, lock = (
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"hush"),
            )
            content = serialization.load_pem_private_key(key, None).private_bytes(
                serialization.Encoding.PEM, form, lock
            )
        case "no certificate":
            content = key
        case "another's certificate":
            content = key + trustme.CA().cert_pem.bytes()
        case "broken certificate":
            content = key + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert isinstance(content, bytes)
    (tmp_path / "key.pem").write_bytes(content)
    found = faults(
        MICROSOFT
        | {
            "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "",
            "CANDOUR_MAIL_OAUTH_KEY_FILE": "key.pem",
        },
        tmp_path,
    )
    assert set(found) == {"CANDOUR_MAIL_OAUTH_KEY_FILE"}
    assert says in found["CANDOUR_MAIL_OAUTH_KEY_FILE"]


def test_every_setting_can_be_set(tmp_path: Path, certified_key: bytes) -> None:
    (tmp_path / "ca.pem").write_text("a certificate")
    (tmp_path / "key.pem").write_bytes(certified_key)
    oauth = {name: value for name, value in MICROSOFT.items() if name not in SERVER} | {
        "CANDOUR_MAIL_OAUTH_SCOPE": "https://outlook.office.com/.default"
    }
    every = SERVER | {
        "CANDOUR_MAIL_PER_MINUTE": "30",
        "CANDOUR_MAIL_CA_FILE": "ca.pem",
        "CANDOUR_BOUNCE_ADDRESS": "bounces+*@northwind.example",
        "CANDOUR_BOUNCE_URL": "imaps://bounces:open-sesame@mail.northwind.example/INBOX",
        "CANDOUR_TIMEZONE": "Europe/London",
        "CANDOUR_PROXIES": "1",
        "CANDOUR_BACKUP_DIR": "copies",
        "CANDOUR_BACKUP_DAYS": "14",
    }
    every |= oauth | {"CANDOUR_MAIL_URL": MICROSOFT["CANDOUR_MAIL_URL"]}
    config = Config.from_environment(every, tmp_path)
    assert config.mail_oauth_scope == "https://outlook.office.com/.default"
    assert (config.mail_per_minute, config.mail_ca_file, config.timezone, config.proxies) == (
        30,
        tmp_path / "ca.pem",
        "Europe/London",
        1,
    )
    assert (config.backup_dir, config.backup_days) == (tmp_path / "copies", 14)
    assert config.sources == dict.fromkeys(every, "environment") | {
        "CANDOUR_MAIL_OAUTH_KEY_FILE": "default"
    }
    keyed = every | {
        "CANDOUR_MAIL_OAUTH_KEY_FILE": "key.pem",
        "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "",
    }
    assert Config.from_environment(keyed, tmp_path).mail_oauth_key_file == tmp_path / "key.pem"
    assert set(keyed) == {f"CANDOUR_{field.name.upper()}" for field in fields(Config)} - {
        "CANDOUR_SOURCES"
    }


def test_no_secret_is_printed(tmp_path: Path) -> None:
    printed = repr(Config.from_environment(SERVER, tmp_path))
    for secret in ("open-sesame", "hush-hush", SERVER["CANDOUR_SECRET_KEY"]):
        assert secret not in printed


@pytest.mark.parametrize("name", ["DATABASE_URL", "MAIL_URL", "BOUNCE_URL"])
def test_no_password_is_printed_with_a_fault(tmp_path: Path, name: str) -> None:
    found = faults(
        SERVER | {f"CANDOUR_{name}": "gopher://user:open-sesame@host.example:1"}, tmp_path
    )
    assert "open-sesame" not in str(found)


def test_relative_paths_start_where_candour_was_started(tmp_path: Path) -> None:
    environ = {"CANDOUR_DATABASE_URL": "sqlite:///data/it.db", "CANDOUR_KEY_DIR": "../keys"}
    config = Config.from_environment(environ, tmp_path / "here")
    assert config.database_file == tmp_path / "here" / "data" / "it.db"
    assert config.key_dir == tmp_path / "keys"


def test_keys_inside_the_database_folder_are_refused_on_a_server(tmp_path: Path) -> None:
    environ = SERVER | {
        "CANDOUR_DATABASE_URL": "sqlite:///data/it.db",
        "CANDOUR_KEY_DIR": "data/keys",
    }
    assert "inside the database's folder" in faults(environ, tmp_path)["CANDOUR_KEY_DIR"]
    assert (
        Config.from_environment(environ | {"CANDOUR_KEY_DIR": "keys"}, tmp_path).key_dir
        == tmp_path / "keys"
    )


def test_settings_come_from_a_file_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SERVER:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text(
        "CANDOUR_TIMEZONE=Europe/London\nCANDOUR_PROXIES=1\nOTHER_PROGRAM=x\n"
    )
    monkeypatch.setenv("CANDOUR_PROXIES", "2")
    monkeypatch.chdir(tmp_path)
    config = Config.from_environment()
    assert (config.timezone, config.proxies) == ("Europe/London", 2)
    assert (config.sources["CANDOUR_TIMEZONE"], config.sources["CANDOUR_PROXIES"]) == (
        ".env",
        "environment",
    )
    assert config.sources["CANDOUR_BASE_URL"] == "default"


def test_a_misspelt_setting_in_the_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CANDOUR_TIMZONE=Europe/London\n")
    with pytest.raises(Refused) as refused:
        Config.from_environment(cwd=tmp_path)
    assert refused.value.details == (
        "CANDOUR_TIMZONE: no such setting; remove it or correct its name.",
    )


def test_an_empty_setting_counts_as_not_set(tmp_path: Path) -> None:
    config = Config.from_environment({"CANDOUR_TIMEZONE": "  ", "CANDOUR_MAIL_URL": ""}, tmp_path)
    assert (config.timezone, config.mail_url) == ("UTC", "catcher://")
    assert config.sources["CANDOUR_TIMEZONE"] == "default"


def test_the_secret_of_an_embedded_installation_is_made_once_and_is_its_owners_alone(
    tmp_path: Path,
) -> None:
    first = Config.from_environment({}, tmp_path)
    path = tmp_path / "instance" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first.secret_key) >= 64
    assert Config.from_environment({}, tmp_path).secret_key == first.secret_key
    assert kept_secret(tmp_path / "other" / "secret_key") != first.secret_key


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "localhost.example", "notlocalhost", "10.0.0.1", "127.0.0.1.example", "0.0.0.0"]
)
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback(host)


@given(name=st.sampled_from(sorted(SERVER)), value=st.text(NO_NUL, max_size=60))
def test_rubbish_is_refused_with_a_sentence_or_taken(name: str, value: str) -> None:
    details: tuple[str, ...] = ()
    try:
        Config.from_environment(SERVER | {name: value}, Path("/nowhere"))
    except Refused as refused:
        details = refused.details
    assert all(re.match(r"CANDOUR_[A-Z_]+: .+", line, re.DOTALL) for line in details)

"""Employee representatives with keys of their own, and a company whose wave is sealed to them."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from flask import Flask

from survey.counting.service import export_sealed_ballots
from survey.vault.rules import ceremony_files, sealing
from survey.vault.service import co_keys
from tests.cast import Company, answer_all, close_company, open_company


@dataclass(frozen=True, slots=True)
class Representative:
    """Somebody whom employees trust, with both halves of a key."""

    name: str
    private: bytes

    @property
    def public(self) -> bytes:
        return sealing.public_key_of(self.private)

    @property
    def text(self) -> str:
        return ceremony_files.public_key_as_text(self.public)

    @property
    def fingerprint(self) -> str:
        return ceremony_files.fingerprint(self.public)

    def opens(self, sealed: bytes, now: datetime) -> bytes:
        """The file that comes back."""
        return ceremony_files.write_returned(
            ceremony_files.open_layer(ceremony_files.read_outgoing(sealed), self.private, now)
        )


def representative(name: str) -> Representative:
    """Somebody with a fresh key."""
    return Representative(name, X25519PrivateKey.generate().private_bytes_raw())


def register(*people: Representative) -> None:
    """Their public halves, registered for the next wave."""
    for one in people:
        co_keys.register_co_key(one.name, one.text, actor="test")


def strict_company(
    app: Flask, *people: Representative, answers: int = 12, comment: str = ""
) -> Company:
    """The first wave, sealed to these representatives too, closed and waiting for one of them."""
    register(*people)
    company = open_company(app)
    answer_all(company, company.codes[:answers], comment=comment)
    return Company(close_company(company), company.codes, company.config)


def sealed_file(company: Company) -> bytes:
    """The file for the representative."""
    return export_sealed_ballots(company.wave.slug, actor="test")

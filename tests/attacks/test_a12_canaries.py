"""A12: no word that anybody wrote, no code and no mark of a person beside their word, in any file,
however it is encoded.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.answering import service as answering
from survey.database import db, transaction
from survey.invitations.letters import PersonalSecrets
from survey.invitations.rules.codes import code_hash
from survey.invitations.service import invitations
from survey.responses.service import responses
from tests.answering.today import open_today
from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.metric import Evidence
from tests.attacks.needles import Finder
from tests.attacks.world import World, patched, server_folder
from tests.cast import files_under
from tests.outside import browser, signed_in

BESIDE = 256


def marks(world: World, person: int) -> list[str | bytes]:
    """What tells of one person: address, ids, the hash of the code."""
    return [
        world.people[person],
        world.invitation_ids[person],
        world.person_ids[person],
        code_hash(world.codes[person]),
    ]


def beside_their_word(world: World, paths: list[Path]) -> int:
    """Places at which a person's mark lies within 256 octets of the word that they wrote."""
    owner_of: dict[str | bytes, int] = {word: person for person, word in enumerate(world.words)}
    owner_of |= {mark: person for person in range(world.n) for mark in marks(world, person)}
    finder, words, found = Finder(owner_of), set(world.words), 0
    for path in paths:
        places = finder.places(path.read_bytes())
        for secret, at in places:
            if secret in words:
                near = [
                    other
                    for other, there in places
                    if other not in words and abs(there - at) <= BESIDE
                ]
                found += sum(owner_of[other] == owner_of[secret] for other in near)
    return found


def attempt(world: World) -> Evidence:
    """Words before the count; codes at any time, but in the letters that carry them.

    Marks beside words afterwards.
    """
    before = [
        path for copy in (*world.copies[:: world.n // 3], world.before) for path in copy.files
    ]
    after = world.after.files
    outside_mail = [path for path in [*before, *after] if path.parent.name != "mail"]
    assert Finder(world.words).found(after), "the words are not even where they belong"
    assert Finder(world.codes).found([path for path in before if path.parent.name == "mail"]), (
        "the codes are not even in the letters"
    )
    return {
        "words before the count": len(Finder(world.words).found(before)),
        "codes": len(Finder(world.codes).found(outside_mail)),
        "addresses in logs": len(
            Finder(world.invited).found([path for path in after if path.parent.name == "logs"])
        ),
        "marks beside their word": beside_their_word(
            world, [path for path in after if path.parent.name in {"database", "logs"}]
        ),
    }


@contextmanager
def body_kept_in_the_outbox(app: Flask) -> Iterator[None]:
    """The code of each letter stays in the outbox."""
    real = invitations.store_personal_secrets

    def kept(
        wave_id: str, means: dict[str, PersonalSecrets], *, reminding: bool
    ) -> dict[str, PersonalSecrets]:
        with transaction() as session:
            found = real(wave_id, means, reminding=reminding)
            for invitation_id, carried in found.items():
                body = f"Dear colleague, your code is {carried.code.lower()}"
                keep = text(
                    "UPDATE outbox SET dedupe_key = dedupe_key || :body WHERE recipient ="
                    " :recipient"
                )
                session.execute(keep, {"body": body, "recipient": invitation_id})
        return found

    with patched(invitations, "store_personal_secrets", kept):
        yield


@contextmanager
def words_kept_on_sending(app: Flask) -> Iterator[None]:
    """What is sent stays beside its ballot, in hex, for later."""
    keep = answering._keep
    db.session.execute(text("CREATE TABLE spare (content TEXT)"))
    db.session.commit()

    def kept(item: object, code: str, answers: object, moment: object) -> object:
        with answering.transaction() as session:
            session.execute(
                text("INSERT INTO spare VALUES (:content)"),
                {"content": answers.texts["OPN1"].encode().hex()},
            )  # type: ignore[attr-defined]
        return keep(item, code, answers, moment)  # type: ignore[arg-type]

    with patched(answering, "_keep", kept):
        yield


@contextmanager
def comment_with_its_mark(app: Flask) -> Iterator[None]:
    """The wave's comments carry the hash of the code that sent them."""
    pack, keep, sending = answering.pack_ballot, answering._keep, [""]

    def packed(group: str, answers: object) -> bytes:
        answers.texts["OPN1"] += f" {code_hash(sending[0]).hex()}"  # type: ignore[attr-defined]
        return pack(group, answers)  # type: ignore[arg-type]

    def kept(item: object, code: str, answers: object, moment: object) -> object:
        sending[0] = code
        return keep(item, code, answers, moment)  # type: ignore[arg-type]

    with patched(answering, "pack_ballot", packed), patched(answering, "_keep", kept):
        yield


ATTACK = Attack(
    "A12",
    "Looking for what people wrote, for their codes and for their addresses in every file, in every"
    " encoding.",
    attempt,
    {
        "the body is kept in the outbox": body_kept_in_the_outbox,
        "words are kept on sending": words_kept_on_sending,
        "a comment carries its writer's mark": comment_with_its_mark,
    },
)


@at_chance(ATTACK)
def test_no_file_holds_a_word_too_early_a_code_or_a_mark_beside_a_word(
    worlds: Worlds, database: str, n: int
) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_a_word_a_code_or_a_mark_that_is_kept_is_caught(
    worlds: Worlds, database: str, fault: str
) -> None:
    assert_caught(ATTACK, worlds, database, fault)


def test_while_a_wave_is_open_not_even_the_log_and_the_temporary_files_hold_a_word_or_a_code(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    company = open_today(app)
    words = [f"zzcanary{number}qq" for number in range(6)]
    signed_in(client := browser(app), "manager")
    for code, word in zip(company.codes, words, strict=False):
        large = {"token": code, "OVR1": "4", "OPN1": f"{word} {'x' * 900}"}
        assert client.post(f"/s/{company.wave.slug}", data=large).status_code == 303
        assert client.post(f"/s/{company.wave.slug}", data=large).status_code == 410
        assert client.post(f"/s/{company.wave.slug}", data=large | {"SEC1": "9"}).status_code == 400
    assert responses.number_of_ballots(company.wave.id) == len(words)
    places = [tmp_path]
    if db.engine.dialect.name == "postgresql":
        number = db.session.scalar(
            text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )
        places += [server_folder() / "pg_wal", server_folder() / "base" / str(number)]
        db.session.rollback()
    files = files_under(*places)
    finder = Finder([*words, *company.codes])
    assert any("wal" in str(path) for path in files)
    assert [
        (secret, path.name)
        for path in files
        if path.is_file()
        for secret, _ in finder.places(path.read_bytes())
    ] == []

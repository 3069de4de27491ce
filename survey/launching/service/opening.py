"""Opens a wave: makes its key, then freezes its terms and queues letters in one transaction."""

import hashlib
import json
from datetime import datetime
from pathlib import Path

from survey.access.service.audit import record
from survey.database import transaction
from survey.invitations.service.invitations import invite
from survey.invitations.service.thirds import store_assigned_thirds
from survey.kernel.errors import Refused
from survey.launching.service.obstacles import Obstacles
from survey.launching.service.preview import Preview, preview_wave
from survey.organisation.rules.frozen_promise import FrozenPromise, stored_promise
from survey.organisation.service import confirmed_organisation
from survey.people.service.directory import check_no_import_under_way
from survey.people.service.staff_changes import (
    all_staff_changes,
    hold_staff_list,
    staff_changes_before,
)
from survey.providers.service import provider_by_id
from survey.questionnaires.service import freeze_questionnaire
from survey.vault.keys.service import key_files
from survey.vault.rules import sealing
from survey.vault.rules.ceremony_files import fingerprint
from survey.vault.service import co_keys
from survey.waves import service as waves
from survey.waves.rules.checks import check_opens
from survey.waves.rules.roster import RosterRecord
from survey.waves.rules.waves import Wave


def open_wave(slug: str, now: datetime, key_dir: Path | None, *, actor: str) -> Wave:
    """Opens a planned wave: makes its key, freezes its terms and queues invitations; audited.

    One invitation per person; all that goes to the database does so in one transaction. Refuses a
    wave that cannot open, with all reasons at once (see `preview_wave`; or its survey is paused or
    ended, or has an open wave; a staff list is being imported; there is no key folder). The key is
    made and its probe opened before anything is stored or sent; opening twice is refused by the
    state.
    """
    wave = waves.find_wave(slug)
    check_opens(wave)
    obstacles = Obstacles()
    preview, last_import_before = None, None
    changes_before = all_staff_changes()
    with obstacles.noted():
        preview = preview_wave(slug)
    with obstacles.noted():
        last_import_before = check_no_import_under_way()
    with obstacles.noted():
        key_files.check_folder(key_dir)
    with obstacles.noted(), transaction():
        waves.hold_for_opening(wave)
    obstacles.raise_all(wave.slug)
    assert preview is not None
    public_key, probe = _make_key(key_dir, preview.wave)
    with transaction():
        hold_staff_list()
        waves.hold_for_opening(preview.wave)
        last_import, changes = check_no_import_under_way(), all_staff_changes()
        if (last_import, changes) != (last_import_before, changes_before):
            raise Refused(
                "staff-list-changed",
                f"The staff list was changed meanwhile. Nothing was sent. Open {preview.wave.slug}"
                " once more.",
            )
        terms = waves.LaunchTerms(
            freeze_questionnaire(preview.questionnaire),
            preview.groups,
            public_key,
            probe,
            FrozenPromise(confirmed_organisation(), provider_by_id(wave.provider_id).name),
            co_keys.hold_co_keys_for_launch(),
            RosterRecord(staff_changes_before(now), preview.number_outside, changes),
        )
        wave = waves.freeze_wave(preview.wave, now, terms)
        group_of = {member: group.name for group in preview.groups for member in group.members}
        invite(wave, {person.id: group_of[person.department] for person in preview.people})
        store_assigned_thirds(wave, preview.newly_assigned)
        record("wave opened", _audited_terms(wave, preview), actor)
    return wave


def _make_key(key_dir: Path | None, wave: Wave) -> tuple[bytes, bytes]:
    """Makes the wave's key file; gives the public key and a sealed probe, which the key has opened.

    Refuses where the key, read again, does not open the probe.
    """
    private_key = key_files.make_key(key_dir, wave.id)
    public_key = key_files.wave_public_key(private_key)
    probe = sealing.make_probe(public_key, wave.id)
    stored_key = key_files.load_key(key_dir, wave.id)
    if not sealing.opens_probe(stored_key, wave.id, probe):
        raise Refused(
            "fresh-key-opens-nothing",
            "The key that was just made does not open what it sealed. Nothing was sent.",
        )
    return public_key, probe


def _audited_terms(wave: Wave, preview: Preview) -> dict[str, object]:
    """An opening's entry for the audit log: numbers, groups, dates, and hashes of two things.

    They are who is invited, and what was promised. So nobody can later say that other people,
    groups, dates or promises were meant.
    """
    by_address = sorted(preview.people, key=lambda person: person.email)
    roster = "".join(f"{person.email}\t{person.department}\n" for person in by_address)
    terms: dict[str, object] = {
        "wave": wave.slug,
        "invited": wave.invited,
        "groups": {group.name: group.invited for group in wave.groups},
        "minimum": [wave.minimum_group, wave.minimum_detail],
        "opens": wave.opens_at.isoformat(),
        "closes": wave.closes_at.isoformat(),
        "questionnaire": preview.questionnaire.digest,
        "roster": "sha256:" + hashlib.sha256(roster.encode()).hexdigest(),
    }
    if wave.roster:
        terms["staff list"] = {
            **wave.roster.before.as_numbers(),
            "foreign_domains": wave.roster.foreign_domains,
        }
    if wave.promise:
        promised = json.dumps(stored_promise(wave.promise), sort_keys=True, ensure_ascii=False)
        terms["promised"] = "sha256:" + hashlib.sha256(promised.encode()).hexdigest()
    if wave.is_strict:
        terms["co-keys"] = {key.name: fingerprint(key.public) for key in wave.co_keys}
    return terms

"""Opening a wave: everything that is frozen and queued, in one transaction."""

import hashlib
from datetime import datetime
from pathlib import Path

from survey.access.service.audit import record
from survey.database import revealing_server_settings, transaction
from survey.invitations.service.invitations import invite
from survey.invitations.service.thirds import store_assigned_thirds
from survey.kernel.errors import Refused
from survey.launching.service.preview import Preview, preview_wave
from survey.people.service.directory import check_no_import_under_way
from survey.questionnaires.service import freeze_questionnaire
from survey.vault.keys.service import key_files
from survey.vault.rules import sealing
from survey.vault.rules.ceremony_files import fingerprint
from survey.vault.service import co_keys
from survey.waves import service as waves
from survey.waves.rules.waves import Wave


def open_wave(name: str, now: datetime, key_dir: Path | None, *, actor: str) -> Wave:
    """Freezes a planned wave and queues one invitation per person, all in one transaction.

    The key is made and its probe opened before anything is stored or sent; opening twice is refused by the state.
    """
    directory = check_no_import_under_way()
    plan = preview_wave(name)
    if told := revealing_server_settings():
        raise Refused(
            "database-writes-down-who-answers",
            "The database would write down who answers. Nothing was sent. Its settings have to be"
            " changed before the wave can open.",
            settings=" ".join(told),
        )
    private = key_files.make_key(key_dir, plan.wave.id)
    public = key_files.wave_public_key(private)
    probe = sealing.make_probe(public, plan.wave.id)
    if not sealing.opens_probe(key_files.load_key(key_dir, plan.wave.id), plan.wave.id, probe):
        raise Refused(
            "fresh-key-opens-nothing",
            "The key that was just made does not open what it sealed. Nothing was sent.",
        )
    with transaction():
        waves.hold_for_opening(plan.wave)
        if check_no_import_under_way() != directory:
            raise Refused(
                "staff-list-changed",
                f"A staff list was imported meanwhile. Nothing was sent. Open {plan.wave.slug} once"
                " more.",
            )
        launch = waves.LaunchTerms(
            freeze_questionnaire(plan.questionnaire),
            plan.groups,
            public,
            probe,
            co_keys.hold_co_keys_for_launch(),
        )
        opened = waves.freeze_wave(plan.wave, now, launch)
        group_of = {member: group.name for group in plan.groups for member in group.members}
        invite(opened, {person.id: group_of[person.department] for person in plan.people})
        store_assigned_thirds(opened, plan.dealt)
        record("wave opened", _terms(opened, plan), actor)
    return opened


def _terms(opened: Wave, plan: Preview) -> dict[str, object]:
    """What the audit log keeps of a launch: nobody can later say that other people, groups or dates were meant."""
    lines = "".join(
        f"{p.email}\t{p.department}\n" for p in sorted(plan.people, key=lambda p: p.email)
    )
    return {
        "wave": opened.slug,
        "invited": opened.invited,
        "groups": {group.name: group.invited for group in opened.groups},
        "minimum": [opened.minimum_group, opened.minimum_detail],
        "opens": opened.opens_at.isoformat(),
        "closes": opened.closes_at.isoformat(),
        "questionnaire": plan.questionnaire.digest,
        "roster": "sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
        **(
            {"co-keys": {key.name: fingerprint(key.public) for key in opened.co_keys}}
            if opened.is_strict
            else {}
        ),
    }

"""The sample organisation behind `make demo`: 58 people, eight past waves, one open wave.

Everything stays on this machine.
"""

import os
import random
import sys
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import click

from survey.access.service.accounts import add_user, make_sign_in_link
from survey.accountability.rules.replies import Commitment, Side
from survey.accountability.service import record_reply
from survey.answering.service import SubmissionOutcome, submit_answers
from survey.app import create_app
from survey.cli import run
from survey.config import Config
from survey.counting.service import close_wave
from survey.database import transaction
from survey.findings.service.sharing import reply_due, share_findings, sharing_recipients
from survey.followups.rules.follow_up import read_draft
from survey.followups.service.follow_ups import save_draft, send_follow_up
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import INVITATION, invitations_of, store_code
from survey.jobs.child_process import run_in_child_process
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.files import keep_new_files_private
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome
from survey.mail.service import Catcher, Message
from survey.organisation.rules.organisation import CommentReader
from survey.organisation.service import set_organisation
from survey.people.service.directory import import_people
from survey.providers.service import add_provider, list_providers
from survey.questionnaires.rules import Question, ScaleKind
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.rules.surveys import Survey, planned_opening
from survey.waves.rules.waves import Target, Wave, to_utc

FOLDER = Path("instance") / "demo"
SEED = 20_27
DEPARTMENTS = {
    "Sales": 14,
    "Service": 12,
    "Warehouse": 11,
    "Finance": 8,
    "Production": 8,
    "Legal": 5,
}
ACTOR = "sample data"
MANAGER = "mira.okafor@northwind.example"
ZONE = "Europe/London"
PAST_WAVES = 8
TARGETS = {"OVR1": 0.70, "RES1": 0.60, "COM1": 0.60, "REL1": 0.65, "RSP1": 0.60, "SEC1": 0.75}
FIRST_NAMES = (
    *("Ada", "Amir", "Anna", "Ben", "Carla", "Chen", "Dora", "Emil", "Eva", "Farid"),
    *("Grace", "Hugo", "Ines", "Ivan", "Jana", "Jonas", "Kofi", "Lena", "Luis", "Mara"),
)
LAST_NAMES = (
    *("Adler", "Berg", "Costa", "Diaz", "Evans", "Fischer", "Gomez", "Hahn", "Ito"),
    *("Jansen", "Kaya", "Lund", "Moreau", "Nowak", "Okoye", "Patel", "Quinn", "Rossi"),
)
COMMENTS = (
    "Tickets are closed before the problem is solved. I have to call again every time.",
    "A ticket should stay open until I say that it works.",
    "Two of my tickets were closed without a word.",
    "Tell us what is happening while we wait. A ticket number is no answer.",
    "The VPN drops in the afternoon.",
    "VPN from home is slow.",
    "New laptops take weeks.",
    "Please call before connecting to my screen.",
    "Scanners in the hall lose the network.",
    "Answer the phone before nine, we start at seven.",
    "Fewer forms for small requests.",
)
SILENT_WAVE = 3  # counted from 0: the wave to which no reply came
REPLY = """Thank you for the open words. You are right about two things.

We closed tickets by the clock. From now on a ticket stays open until the person who opened it \
agrees.

You heard too little while you waited. Every open ticket gets a note each working day, also when \
the note is: still waiting for the part.

Otto Lindqvist, Brightline IT"""
CHANGES = """We tell Brightline about new colleagues in time, so that laptops are ready on the \
first day.
Dana goes through the open tickets with them every Monday."""


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """How somebody in the sample tends to answer: a `mood` from 0 (all bad) to 1.

    `diligence` is the probability that they answer a wave at all.
    """

    mood: float
    diligence: float


# By mail address: name, department, and what they tend to answer.
SamplePeople = dict[str, tuple[str, str, SamplePerson]]


class DiscardingChannel:
    """A mail channel for letters of past waves: says that they were sent, and drops them."""

    name = "the past"
    is_ready = True

    def connect(self) -> DeliveryAttempt | None:
        """Does nothing; None says that the channel is ready."""
        return None

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Drops the message, and answers as a server that has taken it."""
        del message
        return DeliveryAttempt(DeliveryOutcome.SENT, "250")

    def close(self) -> None:
        """Does nothing: there is no connection."""


# How satisfied each department is by nature, and how each question differs from the overall mood.
DEPARTMENT_MOOD = {
    "Sales": 0.58,
    "Service": 0.62,
    "Warehouse": 0.44,
    "Finance": 0.60,
    "Production": 0.52,
    "Legal": 0.64,
}
QUESTION_MOOD = {
    "OVR1": 0.06,
    "RSP1": -0.10,
    "RES1": -0.10,
    "COM1": -0.12,
    "REL1": 0.0,
    "SEC1": 0.20,
    "EFF2": -0.32,
    "ACC1": -0.05,
}
# How much better each wave is than the one before: the provider answers faster and faster.
DRIFT = {"OVR1": 0.035, "RSP1": 0.06, "REL1": 0.025}
USUAL_DRIFT = 0.008
# The share of people to whom a question applies; the others opt out.
APPLIES = {"RSP1": 0.8, "RES1": 0.75, "COM1": 0.78, "ACC1": 0.7}
USUALLY_APPLIES = 0.97


def main() -> None:
    """Fills the demo when it is empty, prints where to look, and serves until interrupted."""
    keep_new_files_private()
    port = os.environ.get("PORT", "5000")
    try:
        config = Config.from_environment(demo_settings(port), Path.cwd())
        (FOLDER / "mail").mkdir(parents=True, exist_ok=True)
        app = create_app(config)
        with app.app_context():
            prepare(config)
            welcome(config)
            run("127.0.0.1", int(port))
    except Refused as refused:
        click.echo("\n  ".join([refused.sentence, *refused.details]), err=True)
        sys.exit(1)


def demo_settings(port: str) -> dict[str, str]:
    """The settings of the demo: everything in one folder, nothing leaves this machine."""
    return {
        "CANDOUR_DATABASE_URL": f"sqlite:///{FOLDER / 'candour.db'}",
        "CANDOUR_BASE_URL": f"http://127.0.0.1:{port}",
        "CANDOUR_MAIL_URL": "catcher://",
        "CANDOUR_MAIL_FROM": "Dana Reyes <dana.reyes@northwind.example>",
        "CANDOUR_TIMEZONE": ZONE,
    }


def prepare(config: Config) -> None:
    """Creates or upgrades the demo's database and fills it; if filled, does a pass of due work.

    Needs the context of the demo's application.
    """
    from flask_migrate import upgrade

    upgrade()
    if list_providers():
        tick(config, now(), real=now())
        return
    click.echo("Preparing the sample organisation (once) ...", err=True)
    run_in_child_process(fill, config, now())  # in one, or each of its waves would start its own


def fill(config: Config, today: datetime) -> None:
    """Runs eight past quarterly waves and shares them, opens the ninth, adds the demo's admin.

    All of it goes through the product itself.
    """
    source = random.Random(SEED)
    people = sample_people(source)
    survey = set_up_sample(people, today)
    for number in range(PAST_WAVES):
        if number == 2:
            for question, target in TARGETS.items():
                waves.set_target(survey.slug, question, Target(target))
        run_past_wave(survey, people, number, source, config)
        click.echo(f"  wave {number + 1} of {PAST_WAVES} asked, answered and counted", err=True)
    open_wave(planned_wave().slug, today, config.key_dir, actor=ACTOR)
    tick(config, today)


def set_up_sample(people: SamplePeople, today: datetime) -> Survey:
    """Stores the organisation, its people and provider, and plans the survey; gives the survey.

    Mira, the demo's administrator, reads the comments.
    """
    add_user(MANAGER, "admin", actor=ACTOR)
    set_organisation(
        "Northwind Ltd",
        "Dana Reyes",
        "dana.reyes@northwind.example",
        "Head of operations",
        "northwind.example",
        several_zones=False,
        provider_runs_mail=True,
        readers=[CommentReader("Mira Okafor", MANAGER)],
    )
    import_people(staff_csv(people).encode())
    add_provider("Brightline IT", [("Otto Lindqvist", "otto.lindqvist@brightline.example")])
    survey, _ = waves.store_survey(
        waves.SurveyPlan(
            "IT support",
            "Brightline IT",
            "quarterly_8",
            "quarterly",
            first_opening(today),
            14,
            ZONE,
            "all",
            baseline_waves=2,
        )
    )
    return survey


def planned_wave() -> Wave:
    """The first wave that is planned; StopIteration where there is none."""
    return next(wave for wave in waves.list_waves() if wave.state == "planned")


def run_past_wave(
    survey: Survey,
    people: SamplePeople,
    number: int,
    source: random.Random,
    config: Config,
) -> None:
    """Opens, answers, closes, counts, shares and follows up the past wave with this number.

    Letters of the past are not sent again: invitations are cancelled, and only the newest wave's
    letters of sharing and follow-up are really sent.
    """
    opened_at = to_utc(planned_opening(survey, number), ZONE)
    wave = open_wave(planned_wave().slug, opened_at, config.key_dir, actor=ACTOR)
    with transaction():
        for invitation, _ in invitations_of(wave.id):
            mail.cancel_letters(wave.slug, INVITATION, invitation.id)
    send_sample_answers(wave, people, number, source, opened_at + timedelta(days=2))
    close_wave(wave.slug, wave.closes_at, config.key_dir, actor=ACTOR)
    is_newest = number == PAST_WAVES - 1
    share_past_wave(wave, wave.closes_at + timedelta(days=3), is_newest=is_newest)
    follow_up_past_wave(wave, number, is_newest=is_newest)


def first_opening(today: datetime) -> datetime:
    """When the first wave opens: so early that eight waves are over and the ninth is due today."""
    nine_today = today.replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=None)
    day = nine_today - timedelta(days=2)
    months = day.year * 12 + day.month - 1 - 3 * PAST_WAVES
    year, month = months // 12, months % 12 + 1
    opening = day.replace(year=year, month=month, day=min(day.day, 28))
    days_after_friday = {5: 1, 6: 2}.get(opening.weekday(), 0)
    return opening - timedelta(days=days_after_friday)


def sample_people(source: random.Random) -> SamplePeople:
    """Draws 58 made-up colleagues: by mail address, their name, department and mood."""
    names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
    source.shuffle(names)
    people: SamplePeople = {}
    for department, size in DEPARTMENTS.items():
        for _ in range(size):
            name = names.pop()
            mood = min(0.98, max(0.02, source.gauss(DEPARTMENT_MOOD[department], 0.14)))
            diligence = source.choice([0.98, 0.95, 0.9, 0.85, 0.75, 0.35, 0.05])
            address = f"{name.lower().replace(' ', '.')}@northwind.example"
            people[address] = name, department, SamplePerson(mood, diligence)
    return people


def staff_csv(people: SamplePeople) -> str:
    """The staff list as a manager would upload it."""
    rows = (f"{mail},{name},{department}\n" for mail, (name, department, _) in people.items())
    return "email,name,department\n" + "".join(rows)


def send_sample_answers(
    wave: Wave, people: SamplePeople, number: int, source: random.Random, now: datetime
) -> None:
    """Submits a wave's sample answers with fresh codes, through the product's own service.

    Each person answers with the probability of their diligence. RuntimeError where one is not
    taken.
    """
    questions = waves.questions_of(wave).questions
    for invitation, person in invitations_of(wave.id):
        sample = people[person.email][2]
        if source.random() > sample.diligence:
            continue
        code = draw_code()
        store_code(invitation.id, code)
        form = {"token": [code]}
        for question in questions:
            answer = sample_answer(question, sample, person.department, number, source)
            if answer is not None:
                form[question.id] = [answer]
        outcome = submit_answers(wave, form, now).outcome
        if outcome is not SubmissionOutcome.SENT:
            raise RuntimeError(f"the sample's answer was not taken: {outcome}")


def sample_answer(
    question: Question, person: SamplePerson, department: str, number: int, source: random.Random
) -> str | None:
    """One person's answer to one question in the wave with this number; None for no answer.

    Most questions drift upwards over the waves; communication in the warehouse gets worse; some
    people opt out (an empty answer).
    """
    if question.scale.kind is ScaleKind.TEXT:
        return source.choice(COMMENTS) if source.random() < 0.55 else None
    if source.random() > APPLIES.get(question.id, USUALLY_APPLIES):
        return ""
    drift = DRIFT.get(question.id, USUAL_DRIFT) * number
    if department == "Warehouse" and question.id == "COM1":
        drift = -0.02 * number
    level = person.mood + QUESTION_MOOD.get(question.id, 0.0) + drift - 0.10 + source.gauss(0, 0.13)
    points = len(question.scale.codes)
    point = min(points - 1, max(0, int(level * points)))
    return str(question.scale.codes[point])


def share_past_wave(wave: Wave, now: datetime, *, is_newest: bool) -> None:
    """Shares a wave with the provider's contacts; drops the mail unless the wave is the newest."""
    _, contacts = sharing_recipients(wave)
    share_findings(wave.slug, [contact.id for contact in contacts], now, actor=ACTOR)
    if not is_newest:
        mail.deliver_letters(channel=DiscardingChannel())


def follow_up_past_wave(wave: Wave, number: int, *, is_newest: bool) -> None:
    """Stores the provider's reply (not for one wave) and sends the follow-up mail to staff.

    To one wave no reply came. Only the newest wave's mail is really sent, the other is dropped.
    """
    due = reply_due(wave)
    assert due
    replied_at, sent_at = (
        to_utc(datetime.combine(day, time(10, 0)), ZONE)
        for day in (due.reply_by, due.reply_by + timedelta(days=5))
    )
    if number != SILENT_WAVE:
        commitments = [
            Commitment(
                Side.PROVIDER,
                "A ticket is closed only when whoever opened it agrees",
                "Petra Holm, service desk",
                due.reply_by + timedelta(days=28),
            ),
            Commitment(
                Side.PROVIDER,
                "A progress note on every open ticket, each working day",
                "Otto Lindqvist",
                due.reply_by + timedelta(days=14),
            ),
            Commitment(
                Side.CLIENT,
                "New starters announced five working days ahead",
                "head of personnel",
                due.reply_by + timedelta(days=21),
            ),
        ]
        record_reply(wave.slug, REPLY, due.reply_by, commitments, replied_at, actor=ACTOR)
    save_draft(wave.slug, read_draft("", CHANGES, (), ()))
    send_follow_up(wave.slug, sent_at, actor=ACTOR)
    if not is_newest:
        mail.deliver_letters(channel=DiscardingChannel())


def welcome(config: Config) -> None:
    """Prints the addresses to open, among them a sign-in link that it makes for the admin."""
    base = config.base_url
    all_waves = waves.list_waves()
    newest = next((wave for wave in reversed(all_waves) if wave.is_published), None)
    running = next((wave for wave in all_waves if wave.state == "open"), None)
    letters = Catcher(config.folder / "mail").letters()
    invitation = next(
        (letter for letter in letters if running and f"/s/{running.slug}#" in letter.text), None
    )
    shared = next((letter for letter in letters if "lindqvist" in letter.to), None)
    follow_up = next((letter for letter in letters if letter.subject.startswith("You said")), None)
    places = [
        (
            "the manager's dashboard; this link signs you in, once",
            make_sign_in_link(MANAGER, config),
        ),
        ("the newest results (after signing in)", f"{base}/waves/{newest.slug}" if newest else ""),
        (
            "the wave that is open now (after signing in)",
            f"{base}/waves/{running.slug}" if running else "",
        ),
        (
            "one employee's invitation; its link leads to the survey",
            f"{base}/mail/{invitation.id}" if invitation else "",
        ),
        ("the findings mail to the provider", f"{base}/mail/{shared.id}" if shared else ""),
        ("the follow-up mail to staff", f"{base}/mail/{follow_up.id}" if follow_up else ""),
        ("the mail catcher's inbox, with all mails", f"{base}/mail"),
        ("what the employees are promised", f"{base}/promise"),
    ]
    click.echo("\nCandour's demo is ready. Open, in this order:\n")
    for name, address in places:
        if address:
            click.echo(f"  {name}\n    {address}")
    click.echo("")


if __name__ == "__main__":
    # Once more, under the name by which a child process finds what it is to do.
    from survey.demo import commands  # noqa: PLW0406 - as the line above says

    commands.main()

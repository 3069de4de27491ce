"""Surveys and waves: plan, freeze, move from state to state."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, select, text, update

from survey.access.audit import record
from survey.database import BUSY_SECONDS, connection, db, transaction
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id, slug
from survey.kernel.plurals import how_many
from survey.providers.service import provider
from survey.questionnaires.service import questionnaire
from survey.waves import rounds, rules
from survey.waves.recurrence import Rule
from survey.waves.rules import Cadence, CoKey, Group, Survey, Target, Wave, WaveState
from survey.waves.tables import HolidayRow, SurveyRow, WaveGroupRow, WaveRow


@dataclass(frozen=True, slots=True)
class Plan:
    """What a manager says when planning a survey; dates are wall-clock times in `timezone`."""

    name: str
    provider: str
    questionnaire: str
    cadence: str
    opens: datetime
    days: int
    timezone: str
    audience: str
    closes: datetime | None = None
    baseline_waves: int = rules.BASELINE_WAVES
    reminders: int = rules.REMINDERS


@dataclass(frozen=True, slots=True)
class Launch:
    """What opening a wave freezes."""

    questionnaire_version: str
    groups: tuple[Group, ...]
    public_key: bytes
    probe: bytes
    co_keys: tuple[CoKey, ...] = ()


def add_survey(plan: Plan) -> tuple[Survey, Wave]:
    """Records a survey and plans its first wave; refuses what could never run, all faults at once."""
    name = " ".join(plan.name.split())
    _check_all(
        lambda: _check_name(name),
        lambda: rules.check_zone(plan.timezone),
        lambda: _check_days(plan.days),
        lambda: _check_reminders(plan.reminders),
        lambda: _check_dates(plan),
        lambda: _check_cadence(plan),
        lambda: _check_questions(plan.questionnaire),
        lambda: provider(plan.provider),
    )
    owner = provider(plan.provider)
    with transaction() as session:
        if session.scalar(select(SurveyRow.id).where((SurveyRow.slug == slug(name)) | (SurveyRow.name == name))):
            raise Refused(f"There is a survey named {name} already. Give this one another name.")
        row = SurveyRow(
            id=random_id(),
            slug=slug(name),
            name=name,
            provider_id=owner.id,
            questionnaire=plan.questionnaire,
            cadence=str(rules.read_cadence(plan.cadence)),
            opens=plan.opens,
            days=plan.days,
            timezone=plan.timezone,
            audience=plan.audience,
            baseline_waves=plan.baseline_waves,
            state="active",
            targets={},
            reminders=plan.reminders,
        )
        session.add(row)
        session.flush()
        closes = plan.closes or rules.closing_time(plan.opens, plan.days)
        first = _plan(row, rules.period_key(_survey(row), 0), plan.opens, closes)
        record("survey planned", {"survey": row.slug, "provider": owner.name, "first wave": first.slug})
        return _survey(row), _wave(first)


def survey(name: str) -> Survey:
    """The survey of this name or slug; refuses an unknown one by naming those there are."""
    return _survey(_survey_row(name))


def list_surveys() -> tuple[Survey, ...]:
    """All surveys by name."""
    return tuple(_survey(row) for row in db.session.scalars(select(SurveyRow).order_by(SurveyRow.name)))


def list_waves(survey_slug: str | None = None) -> tuple[Wave, ...]:
    """All waves, or those of one survey, oldest first."""
    query = select(WaveRow)
    if survey_slug:
        query = query.where(WaveRow.survey_id == _survey_row(survey_slug).id)
    return tuple(sorted(_waves(db.session.scalars(query).all()), key=lambda item: (item.stands_at, item.slug)))


def open_waves() -> tuple[Wave, ...]:
    """The waves that are open, oldest first: few, however long the record is."""
    return _in_state(WaveState.OPEN)


def wave(name: str) -> Wave:
    """The wave of this slug; `latest` is the newest counted wave of the only survey."""
    if name == "latest":
        return _latest()
    row = db.session.scalar(select(WaveRow).where(WaveRow.slug == name)) if name.isprintable() else None
    if row is None:
        raise Refused(f"There is no wave {name[:80]!r}. See: candour waves list")
    return _wave(row)


def wave_by_id(wave_id: str) -> Wave:
    """The wave with this id, which must exist."""
    return _wave(db.session.scalars(select(WaveRow).where(WaveRow.id == wave_id)).one())


def probe_of(wave_id: str) -> bytes | None:
    """The sealed probe that shows whether the wave's key is still there."""
    return db.session.scalar(select(WaveRow.probe).where(WaveRow.id == wave_id))


def listed_holidays() -> frozenset[date]:
    """The days on which nobody works, as listed for this installation."""
    return frozenset(db.session.scalars(select(HolidayRow.day)))


def plan_wave(survey_name: str, opens: datetime, closes: datetime) -> Wave:
    """A one-off wave beside the cadence."""
    rules.check_length(opens, closes)
    with transaction():
        row = _locked_survey(survey_name)
        plan, period = _survey(row), f"{opens:%Y-%m-%d}"
        rules.check_not_ended(plan)
        if isinstance(plan.cadence, Rule) and rules.opening_of(plan, period):
            raise Refused(f"The cadence of {row.name} has a wave of its own on {period}. Choose another day for this one.")
        planned = _plan(row, period, opens, closes, one_off=True)
        record("wave planned", {"wave": planned.slug})
        return _wave(planned)


def asked_twice(item: Wave, people: Callable[[str], AbstractSet[str]]) -> tuple[str, ...]:
    """A warning for each wave about another provider that asks some of the same people within 30 days; planning it is not refused.

    The planned waves of a survey that is paused or ended ask nobody. `people` gives whom an audience means; none while that is not known.
    """
    near = [
        other
        for other in _in_state(WaveState.PLANNED, WaveState.OPEN)
        if other.provider_id != item.provider_id
        and abs(other.opens_at - item.opens_at) < rules.NEAR
        and _may_meet(people(other.audience), people(item.audience))
    ]
    return tuple(
        f"{one.slug}, about another provider, opens on {one.opens:%Y-%m-%d}: staff are asked twice within 30 days." for one in near
    )


def _may_meet(one: AbstractSet[str], other: AbstractSet[str]) -> bool:
    return not (one and other and one.isdisjoint(other))


def plan_past_wave(survey_name: str, wave_slug: str, opened: date, closed: date) -> Wave:
    """The wave that an imported history belongs to: another tool asked, on these days."""
    opens = datetime.combine(opened, datetime.min.time())
    closes = datetime.combine(closed, rules.CLOSING_TIME)
    rules.check_length(opens, closes)
    with transaction():
        return _wave(_plan(_survey_row(survey_name), wave_slug, opens, closes, wave_slug=wave_slug, imported=True))


def plan_following(survey_id: str, after: datetime) -> None:
    """Plans the next wave of the cadence after this wall-clock time, once per period; none for an ended survey or rule."""
    with transaction() as session:
        row = session.scalars(select(SurveyRow).where(SurveyRow.id == survey_id)).one()
        upcoming = rules.following(_survey(row), after, listed_holidays()) if row.state != "ended" else None
        if upcoming is None:
            return
        if session.scalar(select(WaveRow.id).where(WaveRow.survey_id == survey_id, WaveRow.period == upcoming.period)) is None:
            _plan(row, upcoming.period, upcoming.opens, rules.closing_time(upcoming.opens, row.days))


def move_planned(now: datetime, *, actor: str | None = None) -> tuple[Wave, ...]:
    """Puts the planned waves of each cadence where the holidays listed now let them open; gives those that moved.

    Dates that a person typed stay, and so does a wave whose time has come: it opens today or not at all.
    """
    moved: list[Wave] = []
    with transaction() as session:
        holidays = listed_holidays()
        query = select(WaveRow).where(WaveRow.state == WaveState.PLANNED.value, WaveRow.one_off.is_(False), WaveRow.imported.is_(False))
        for row in session.scalars(query.order_by(WaveRow.id).with_for_update(of=WaveRow)).all():
            named = rules.opening_of(_survey(row.survey), row.period, holidays)
            times = [rules.instant(wall, row.timezone) for wall in (row.opens, named.opens)] if named and named.number else [now]
            if named is None or min(times) <= now or named.opens == row.opens:
                continue
            record("wave moved", {"wave": row.slug, "from": row.opens.isoformat(), "to": named.opens.isoformat()}, actor)
            row.opens, row.closes = named.opens, rules.closing_time(named.opens, row.survey.days)
            moved.append(_wave(row))
    return tuple(moved)


def pause_survey(name: str, *, actor: str | None = None) -> Survey:
    """Lets no further wave open until the survey is taken up again; an open one runs to its close."""
    return _change_survey(name, "paused", "survey paused", actor)


def resume_survey(name: str, *, actor: str | None = None) -> Survey:
    """Takes a paused survey up again; what it missed meanwhile is caught up with as after any time away."""
    return _change_survey(name, "active", "survey resumed", actor)


def end_survey(name: str, *, actor: str | None = None) -> Survey:
    """The same as pausing, for good: planned waves are given up, an open one runs to its close, the record stays."""
    return _change_survey(name, "ended", "survey ended", actor)


def _change_survey(name: str, to: str, deed: str, actor: str | None) -> Survey:
    with transaction() as session:
        row = _locked_survey(name)
        rules.check_state_change(_survey(row), to)
        row.state = to
        record(deed, {"survey": row.slug}, actor)
        if to == "ended":
            ours = (WaveRow.survey_id == row.id, WaveRow.state == WaveState.PLANNED.value)
            session.execute(update(WaveRow).where(*ours).values(state=WaveState.VOID.value, void_reason=rules.ENDED))
        session.flush()
        return _survey(row)


def skip(name: str, reason: str, *, actor: str | None = None) -> Wave:
    """Leaves a planned wave out, for a reason that is shown wherever it would be, and plans the next of its cadence."""
    said = " ".join(reason.split())
    if not said or not said.isprintable():
        raise Refused('Say why, in a line: --reason "...". It is shown wherever the wave would be.')
    with transaction():
        row = _held(wave(name))
        rules.check_skips(_wave(row))
        _drop(row, f"skipped: {said}"[:300])
        record("wave skipped", {"wave": row.slug, "reason": said[:300]}, actor)
        return _wave(row)


def give_up(item: Wave, now: datetime, *, actor: str) -> bool:
    """Does not hold a wave whose opening was missed by more than half its period, and plans the next; False when it is not so any more."""
    with transaction():
        row = _held(item)
        if row.state != WaveState.PLANNED.value or not rules.is_missed(_wave(row), _survey(row.survey), now):
            return False
        _drop(row, rules.NOT_OPENED)
        record("wave void", {"wave": row.slug, "reason": rules.NOT_OPENED}, actor)
        return True


def _drop(row: WaveRow, reason: str) -> None:
    row.state, row.void_reason = WaveState.VOID.value, reason
    db.session.flush()
    if not row.one_off:
        plan_following(row.survey_id, row.opens)


def set_target(survey_name: str, question: str, target: Target) -> None:
    """Sets what a question is held to, for the waves not yet opened."""
    with transaction():
        row = _survey_row(survey_name)
        known = [q.id for q in questionnaire(row.questionnaire).questions if q.scale.top]
        if question not in known:
            raise Refused(f"{question} is not a question of this survey that can have a target. It has: {', '.join(known)}")
        row.targets = {**row.targets, question: asdict(target)}
        record("target set", {"survey": row.slug, "question": question, **asdict(target)})


def targets(survey_name: str) -> dict[str, Target]:
    """The targets that the next wave will freeze."""
    return _targets(_survey_row(survey_name).targets)


def number_of_earlier_waves(item: Wave) -> int:
    """How many waves of the same survey came before and were really opened; imported ones do not count, three thirds are one."""
    query = select(WaveRow).where(
        WaveRow.survey_id == item.survey_id,
        WaveRow.opens < item.opens,
        WaveRow.imported.is_(False),
        WaveRow.state.notin_([WaveState.PLANNED.value, WaveState.VOID.value]),
    )
    earlier = {row.quarter or row.id for row in db.session.scalars(query)}
    return len(earlier - {item.quarter})


def thirds_of(item: Wave) -> tuple[Wave, ...]:
    """The thirds of the quarter that a third or a pool belongs to, in order; none for a wave that asks everybody."""
    if item.quarter is None:
        return ()
    query = select(WaveRow).where(WaveRow.survey_id == item.survey_id, WaveRow.quarter == item.quarter, WaveRow.third.is_not(None))
    return tuple(_wave(row) for row in db.session.scalars(query.order_by(WaveRow.third)))


def pool_of(item: Wave) -> Wave | None:
    """The result of the quarter that a third belongs to, once there is one."""
    query = select(WaveRow).where(WaveRow.survey_id == item.survey_id, WaveRow.quarter == item.quarter, WaveRow.third.is_(None))
    row = db.session.scalar(query) if item.quarter else None
    return _wave(row) if row else None


def due_to_pool() -> tuple[tuple[Wave, ...], ...]:
    """The thirds of each quarter of which no more will come and some were counted, where they have not been added up yet."""
    found = []
    for plan in list_surveys():
        ours = list_waves(plan.slug)
        pooled = {item.quarter for item in ours if item.is_pool}
        due = rounds.complete([item for item in ours if item.is_third], is_ended=plan.state == "ended")
        found += [thirds for thirds in due if thirds[0].quarter not in pooled]
    return tuple(found)


def add_pool(thirds: Sequence[Wave]) -> Wave | None:
    """Inside the transaction that adds up a quarter: the wave that its result belongs to; None when somebody was faster."""
    first, counted = thirds[0], [item for item in thirds if item.is_published]
    with transaction() as session:
        session.execute(select(SurveyRow.id).where(SurveyRow.id == first.survey_id).with_for_update())
        if pool_of(first):
            return None
        row, terms = session.get_one(SurveyRow, first.survey_id), session.get_one(WaveRow, counted[0].id)
        period, closes = str(first.quarter), max(item.closes for item in thirds if item.questionnaire_version)
        while session.scalar(select(WaveRow.id).where((WaveRow.slug == f"{row.slug}-{period}") | _is_period(row.id, period))):
            period += "-thirds"  # an imported wave holds the name
        pool = _plan(row, period, min(item.opens for item in thirds if item.questionnaire_version), closes, one_off=True)
        pool.one_off, pool.quarter, pool.state = False, first.quarter, WaveState.COUNTED.value
        pool.timezone, pool.audience = terms.timezone, terms.audience
        pool.questionnaire_version, pool.targets = terms.questionnaire_version, terms.targets
        pool.k_group, pool.k_comment = terms.k_group, terms.k_comment
        pool.baseline = all(item.baseline for item in counted)
        pool.closed_early = "; ".join(item.closed_early for item in counted if item.closed_early) or None
        _store_groups(pool.id, [rounds.everybody(thirds)])
        session.flush()
        session.refresh(pool)
        return _wave(pool)


def hold_for_opening(item: Wave) -> None:
    """Inside the opening transaction: refuses a wave that cannot open now; no wave of its survey opens meanwhile."""
    row = _held(item)
    rules.check_opens(_wave(row))
    if row.survey.state == "ended":
        raise Refused(f"{row.survey.name} was ended, and that is for good; {row.slug} does not open.")
    if row.survey.state == "paused":
        raise Refused(
            f"{row.survey.name} is paused, so {row.slug} does not open. Take it up first: candour surveys resume {row.survey.slug}"
        )
    other = db.session.scalar(select(WaveRow.slug).where(WaveRow.survey_id == item.survey_id, WaveRow.state == WaveState.OPEN.value))
    if other:
        raise Refused(f"{other} of the same survey is open; two are never open together. Wait for it, or close it first.")


def freeze(item: Wave, now: datetime, launch: Launch) -> Wave:
    """Opens a planned wave and freezes its terms; a wave that is not planned any more is refused.

    Opening by hand before the planned time, or a day late and more, moves the opening to now and keeps the length.
    """
    with transaction() as session:
        hold_for_opening(item)
        row = _locked(item.id)
        planned = row.opens
        wall = rules.wall_clock(now, row.timezone)
        row.opens, row.closes = rules.times_when_opened(row.opens, row.closes, wall)
        early = number_of_earlier_waves(_wave(row))
        row.state = WaveState.OPEN.value
        row.questionnaire_version = launch.questionnaire_version
        row.targets = next((w.targets for w in _opened_thirds(row)), row.survey.targets)  # one quarter, one goal
        row.reminders = row.survey.reminders
        row.public_key, row.probe = launch.public_key, launch.probe
        row.co_keys = [{"name": key.name, "public": key.public.hex()} for key in launch.co_keys]
        row.baseline = not row.one_off and early < row.survey.baseline_waves
        _store_groups(row.id, launch.groups)
        plan_following(row.survey_id, max(planned, wall))
        session.flush()
        session.refresh(row)
        return _wave(row)


def freeze_import(item: Wave, questionnaire_version: str, groups: Sequence[Group]) -> Wave:
    """Marks an imported wave as counted, with the partition that its file gave."""
    with transaction() as session:
        row = _locked(item.id)
        row.questionnaire_version = questionnaire_version
        row.state = WaveState.COUNTED.value
        row.targets = {}
        _store_groups(row.id, groups)
        session.flush()
        session.refresh(row)
        return _wave(row)


def close(item: Wave, now: datetime, reason: str | None) -> Wave:
    """Ends the taking of answers; before the closing date only with a reason, which is kept. Harmless when repeated."""
    with transaction() as session:
        row = _locked(item.id)
        rules.check_closes(_wave(row), now, reason)
        if row.state == WaveState.OPEN.value:
            if now < _wave(row).closes_at:
                row.closed_early = " ".join((reason or "").split())[:300]
                row.baseline = False  # a wave cut short sets no targets
                row.closes = max(rules.wall_clock(now, row.timezone), row.opens + timedelta(minutes=1))
            row.state = WaveState.CLOSED.value
        session.flush()
        return _wave(row)


def extend(name: str, days: int, now: datetime) -> Wave:
    """Moves the closing date of an open wave, once, by at most 7 days."""
    with transaction():
        row = _locked(wave(name).id)
        if not _wave(row).takes_answers(now):
            raise Refused(f"{row.slug} is not open, so it cannot be extended.")
        if row.extended_days:
            raise Refused(f"{row.slug} was extended by {how_many(row.extended_days, 'day')} already; a wave is extended once.")
        if not 1 <= days <= rules.LONGEST_EXTENSION:
            raise Refused(f"A wave can be extended by 1 to {rules.LONGEST_EXTENSION} days, not by {days}.")
        row.extended_days = days
        row.closes += timedelta(days=days)
        record("wave extended", {"wave": row.slug, "days": days})
        return _wave(row)


def make_up(item: Wave, outages: Sequence[tuple[datetime, datetime]], now: datetime, *, actor: str) -> Wave | None:
    """Extends an open wave by the whole days during which the service was down, once and by at most 7; None when nothing is due.

    That is then its one extension. It may come after the closing time, as long as nobody has closed the wave.
    """
    with transaction():
        row = _locked(item.id)
        days = rules.days_lost(_wave(row), outages, now)
        if not days:
            return None
        row.extended_days = days
        row.closes += timedelta(days=days)
        record("wave extended", {"wave": row.slug, "days": days, "because": "the service was down"}, actor)
        return _wave(row)


def mark(item: Wave, state: WaveState, *, reason: str | None = None) -> None:
    """Moves a wave on to counted, shared or void."""
    with transaction() as session:
        session.execute(update(WaveRow).where(WaveRow.id == item.id).values(state=state.value, void_reason=reason))


def hold_for_answer(wave_id: str) -> bool:
    """Inside the answer's transaction: whether the wave is still open, and that it stays so until the commit."""
    return hold_open(wave_id) is not None


def hold_open(wave_id: str) -> datetime | None:
    """The same for a letter: the closing time of a wave that is open, on its wall clock; None when it is not."""
    server = connection()
    if server.dialect.name == "postgresql":  # as long as SQLite waits, then the page says so
        server.execute(_WAIT)
    held = server.execute(_HOLD, {"wave": wave_id}).first()
    return held.closes if held is not None and held.state == WaveState.OPEN.value else None


def hold_for_counting(item: Wave) -> bool:
    """Inside the counting transaction: whether the wave still waits to be counted; nobody else counts it meanwhile."""
    return _locked(item.id).state == WaveState.CLOSED.value


def due_to_open(now: datetime) -> tuple[Wave, ...]:
    """Planned waves of active surveys whose time has come and is not long past."""
    plans = {plan.id: plan for plan in list_surveys()}
    return tuple(w for w in _in_state(WaveState.PLANNED) if w.opens_at <= now and not rules.is_missed(w, plans[w.survey_id], now))


def missed_openings(now: datetime) -> tuple[Wave, ...]:
    """Planned waves of active surveys whose opening was missed by more than half a period."""
    plans = {plan.id: plan for plan in list_surveys()}
    return tuple(w for w in _in_state(WaveState.PLANNED) if rules.is_missed(w, plans[w.survey_id], now))


def due_to_close(now: datetime) -> tuple[Wave, ...]:
    """Open waves past their closing time, and closed ones that wait to be counted."""
    return tuple(w for w in _in_state(WaveState.OPEN, WaveState.CLOSED) if w.closes_at <= now or w.state is WaveState.CLOSED)


_WAIT = text(f"SET LOCAL lock_timeout = {int(BUSY_SECONDS * 1000)}")
_HOLD = select(WaveRow.state, WaveRow.closes).where(WaveRow.id == bindparam("wave")).with_for_update(read=True)


def _in_state(*states: WaveState) -> tuple[Wave, ...]:
    query = select(WaveRow).where(WaveRow.state.in_([s.value for s in states])).order_by(WaveRow.opens)
    rows = db.session.scalars(query).all()
    return _waves(row for row in rows if row.survey.state == "active" or row.state != WaveState.PLANNED.value)


def _check_all(*checks: Callable[[], object]) -> None:
    """Refuses everything that is wrong at once, in the words of each check."""
    refused: list[Refused] = []
    for check in checks:
        try:
            check()
        except Refused as fault:
            refused.append(fault)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise Refused("The survey was not planned.", details=tuple(line for one in refused for line in one.details or (one.message,)))


def _check_name(name: str) -> None:
    if not name.isprintable() or not slug(name):
        raise Refused("Give the survey a name with at least one letter or digit, for example: IT support")


def _check_days(days: int) -> None:
    if not 1 <= days <= 92:
        raise Refused(f"A wave of {days} days is not possible. Give 1 to 92 days; 14 is usual.")


def _check_reminders(number: int) -> None:
    if not 0 <= number <= rules.MOST_REMINDERS:
        raise Refused(f"{number} reminders are not possible. Give 0, 1 or 2; 1 is usual.")


def _check_dates(plan: Plan) -> None:
    rules.check_year(plan.opens)
    if plan.closes:
        rules.check_length(plan.opens, plan.closes)


def _check_cadence(plan: Plan) -> None:
    cadence = rules.read_cadence(plan.cadence)
    if isinstance(cadence, Rule) and rules.is_zone(plan.timezone) and rules.FIRST_YEAR <= plan.opens.year <= rules.LAST_YEAR:
        cadence.check(plan.opens, plan.timezone, plan.days)


def _check_questions(name: str) -> None:
    if questionnaire(name).scale_questions < 1:
        raise Refused(f"The questionnaire {name} has no question that can be scored. Choose another.")


def _latest() -> Wave:
    published = [w for w in list_waves() if w.is_published]
    published = [w for w in published if not w.is_third] or published
    if len({w.survey_id for w in published}) > 1:
        raise Refused("There are several surveys; name the wave. See: candour waves list")
    if not published:
        raise Refused("No wave has been counted yet.")
    return published[-1]


def _locked_survey(name: str) -> SurveyRow:
    query = select(SurveyRow).where(SurveyRow.id == _survey_row(name).id).with_for_update(of=SurveyRow)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def _held(item: Wave) -> WaveRow:
    """The wave's row, with its survey's locked before it: whatever plans, opens or drops waves of one survey does so one at a time."""
    query = select(SurveyRow).where(SurveyRow.id == item.survey_id).with_for_update(of=SurveyRow)
    db.session.scalars(query.execution_options(populate_existing=True)).one()
    return _locked(item.id)


def _locked(wave_id: str) -> WaveRow:
    query = select(WaveRow).where(WaveRow.id == wave_id).with_for_update(of=WaveRow).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def _plan(
    row: SurveyRow,
    period: str,
    opens: datetime,
    closes: datetime,
    *,
    wave_slug: str | None = None,
    imported: bool = False,
    one_off: bool = False,
) -> WaveRow:
    wave_slug = wave_slug or f"{row.slug}-{period}"
    if db.session.scalar(select(WaveRow.id).where(WaveRow.slug == wave_slug)):
        raise Refused(f"There is a wave {wave_slug} already.")
    planned = WaveRow(
        id=random_id(),
        slug=wave_slug,
        survey_id=row.id,
        period=period,
        state=WaveState.PLANNED.value,
        opens=opens,
        closes=closes,
        timezone=row.timezone,
        audience=row.audience,
        k_group=rules.MINIMUM_GROUP,
        k_comment=rules.MINIMUM_DETAIL,
        targets={},
        imported=imported,
        baseline=False,
        one_off=one_off,
        extended_days=0,
        reminders=row.reminders,
        survey=row,
        groups=[],
    )
    if row.cadence == Cadence.MONTHLY_THIRDS.value and not (one_off or imported):
        planned.quarter, planned.third = rounds.part(row.opens, period)
    db.session.add(planned)
    db.session.flush()
    return planned


def _opened_thirds(row: WaveRow) -> Sequence[WaveRow]:
    """The other thirds of the quarter that were opened, in order."""
    same = (WaveRow.survey_id == row.survey_id, WaveRow.quarter == row.quarter, WaveRow.third.is_not(None), WaveRow.id != row.id)
    query = select(WaveRow).where(*same, WaveRow.questionnaire_version.is_not(None)).order_by(WaveRow.third)
    return db.session.scalars(query).all() if row.third else ()


def _is_period(survey_id: str, period: str) -> ColumnElement[bool]:
    return (WaveRow.survey_id == survey_id) & (WaveRow.period == period)


def _store_groups(wave_id: str, groups: Sequence[Group]) -> None:
    for group in groups:
        db.session.add(WaveGroupRow(wave_id=wave_id, name=group.name, invited=group.invited, members=list(group.members)))


def _survey_row(name: str) -> SurveyRow:
    row: SurveyRow | None = db.session.scalar(select(SurveyRow).where((SurveyRow.name == name) | (SurveyRow.slug == name)))
    if row is None:
        known = ", ".join(db.session.scalars(select(SurveyRow.name).order_by(SurveyRow.name))) or "none yet"
        raise Refused(f"There is no survey {name!r}. Known: {known}")
    return row


def _targets(stored: Mapping[str, Mapping[str, float]]) -> dict[str, Target]:
    return {question: Target(**values) for question, values in stored.items()}


def _survey(row: SurveyRow) -> Survey:
    return Survey(
        id=row.id,
        slug=row.slug,
        name=row.name,
        provider_id=row.provider_id,
        questionnaire=row.questionnaire,
        cadence=rules.read_cadence(row.cadence),
        opens=row.opens,
        days=row.days,
        timezone=row.timezone,
        audience=row.audience,
        baseline_waves=row.baseline_waves,
        state=row.state,
        reminders=row.reminders,
    )


def _waves(rows: Iterable[WaveRow]) -> tuple[Wave, ...]:
    holidays = listed_holidays()
    return tuple(_wave(row, holidays) for row in rows)


def _wave(row: WaveRow, holidays: frozenset[date] | None = None) -> Wave:
    groups = tuple(Group(g.name, g.invited, tuple(g.members)) for g in row.groups)
    return Wave(
        id=row.id,
        slug=row.slug,
        survey_id=row.survey_id,
        survey=row.survey.name,
        provider_id=row.survey.provider_id,
        period=row.period,
        state=WaveState(row.state),
        opens=row.opens,
        closes=row.closes,
        timezone=row.timezone,
        audience=row.audience,
        invited=sum(g.invited for g in groups),
        questionnaire_version=row.questionnaire_version,
        minimum_group=row.k_group,
        minimum_detail=row.k_comment,
        targets=_targets(row.targets),
        groups=groups,
        public_key=row.public_key,
        imported=row.imported,
        baseline=row.baseline,
        one_off=row.one_off,
        closed_early=row.closed_early,
        void_reason=row.void_reason,
        extended_days=row.extended_days,
        co_keys=tuple(CoKey(key["name"], bytes.fromhex(key["public"])) for key in row.co_keys),
        key_missing_since=row.key_missing_since,
        reminders=row.reminders,
        quarter=row.quarter,
        third=row.third,
        holidays=listed_holidays() if holidays is None else holidays,
    )

"""`tsunagu measure schedule`: a day's planned tests of throughput, what became of them, and why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from typing_extensions import TypedDict

from controller.cli.estates import choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.measurement.import_measurements import STORE
from controller.cli.measurement.probe_measurements import DEFAULT_MONITOR_STORE, MonitorStore
from controller.cli.measurement.probe_slots import MissReason, apply_probe_words, is_settled
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Json,
    Lab,
    Lang,
    Policies,
    Schools,
    State,
    Wards,
    choose_day,
    choose_selection,
    speak,
)
from controller.cli.output import get_words, print_message, say_json
from controller.lab.estate import STORE as LAB_STORE
from controller.measure.measurement import Measurement, MeasurementKind
from controller.measure.measurement_store import open_measurement_store
from controller.measure.schedule.city_day import list_tested_schools, plan_city_day
from controller.measure.schedule.day_plan import DayPlan, NoSlot, TestSlot
from controller.measure.schedule.slot_records import SlotState, find_slot_states, keep_missed_slots, list_missed_slots
from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from controller.plan.select import select_schools_in_service

Day = Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day; today in the city if left out.")]


class SlotDocument(TypedDict):
    """A planned test, and what became of it; `reason` is why it was missed, "" where that is not known."""

    school: str
    line: str
    kind: str
    begins: str
    ends: str
    state: SlotState
    reason: MissReason | Literal[""]


class UnplacedDocument(TypedDict):
    """Tests of a line that have no slot, how many, and why."""

    school: str
    line: str
    kind: str
    count: int
    reason: NoSlot
    detail: str


class TestScheduleDocument(TypedDict):
    """A day's tests of throughput."""

    day: str
    slots: list[SlotDocument]
    unplaced: list[UnplacedDocument]


def list_schedule(  # noqa: PLR0913, PLR0917 the options of a command
    schools: Schools = None,
    wards: Wards = None,
    day: Day = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    monitor_store: MonitorStore = DEFAULT_MONITOR_STORE,
    lang: Lang = None,
    *,
    lab: Lab = False,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """List the tests of throughput that are planned for a day, what became of them, and why a school has none.

    Tests are planned by `schedule` of policies/measurement.yaml and the school calendar: none on exam days, never two
    at once on one line or shared link. Slots that passed without a test are kept as missed where something is measured.
    Why a slot was missed is what the school's probe said, in the monitor's store; run it where the monitor runs.
    With --lab the virtual city's, which is tested by them where `virtual-city: slots` says so.
    """
    speak(lang)
    asked = choose_day(day, "--day")
    city = load_estate_city(policies, lab=lab)
    chosen = select_schools_in_service(city, choose_selection(schools, wards, everything=everything))
    now = datetime.now(UTC)
    wanted = asked or now.astimezone(city.timezone).date()
    # The plan is the whole city's: what others do decides when a school is tested.
    names = {one.id for one in chosen}
    plan = _select(plan_city_day(city, list_tested_schools(city), wanted), names)
    states, reasons = _find_slot_states(city, state, monitor_store, plan.slots, wanted, now)
    counted = Counter((one.school, str(one.line), str(one.kind), one.reason, one.detail) for one in plan.unplaced)
    unplaced: list[UnplacedDocument] = [
        {"school": school, "line": line, "kind": kind, "count": count, "reason": reason, "detail": detail}
        for (school, line, kind, reason, detail), count in sorted(counted.items())
    ]
    if as_json:
        slots = [_build_slot(one, states[one], reasons.get(one, ""), city) for one in plan.slots]
        say_json({"day": wanted.isoformat(), "slots": slots, "unplaced": unplaced})
        return
    _say_schedule(city, wanted, states, reasons, unplaced, len(names))


def _select(plan: DayPlan, names: set[str]) -> DayPlan:
    return DayPlan(
        tuple(one for one in plan.slots if one.school in names),
        tuple(one for one in plan.unplaced if one.school in names),
    )


def _find_slot_states(  # noqa: PLR0913, PLR0917 where it is kept, and of when
    city: City, state: Path | None, monitor_store: Path, slots: Sequence[TestSlot], day: date, now: datetime
) -> tuple[dict[TestSlot, SlotState], dict[TestSlot, MissReason]]:
    """What became of the slots, and why some were missed; those are kept, where there is a store."""
    folder = choose_state_folder(city.estate, load_estate_operations(city), state, Path(city.directory))
    file = folder / (LAB_STORE if isinstance(city, VirtualCity) else STORE)
    measured: list[Measurement] = []
    removed: datetime | None = None
    kept: list[TestSlot] = []
    midnight = datetime.combine(day, datetime.min.time(), city.timezone)
    if file.exists():
        with open_measurement_store(file, must_exist=True) as store:
            measured = store.read_period(midnight, midnight + timedelta(days=1), [MeasurementKind.DOWNLOAD])
            removed = store.read_removed_time()
        kept = list_missed_slots(file, midnight, midnight + timedelta(days=1))
    states = find_slot_states(slots, measured, now, removed)
    is_real = not isinstance(city, VirtualCity)
    if is_real and not monitor_store.exists():
        # What the probes did stands there: on another machine nobody can say that a slot was missed.
        states |= {one: SlotState.UNKNOWN for one, found in states.items() if found is SlotState.MISSED}
    noted = {(one.school, one.line, one.begins) for one in kept}
    for slot, found in states.items():
        if found is SlotState.UNKNOWN and (slot.school, slot.line, slot.begins) in noted:
            states[slot] = SlotState.MISSED
    reasons = apply_probe_words(states, monitor_store, Path(city.directory)) if is_real else {}
    # One slot later: the test of a slot that has just ended may still be written down.
    missed = [
        slot
        for slot, found in states.items()
        if found is SlotState.MISSED
        and now >= slot.ends + (slot.ends - slot.begins)
        and is_settled(slot, reasons.get(slot), now)
    ]
    if file.exists() and missed:
        keep_missed_slots(file, missed, now)
    return states, reasons


def _build_slot(one: TestSlot, state: SlotState, reason: MissReason | Literal[""], city: City) -> SlotDocument:
    begins, ends = (at.astimezone(city.timezone).isoformat(timespec="seconds") for at in (one.begins, one.ends))
    return {
        "school": one.school,
        "line": one.line,
        "kind": str(one.kind),
        "begins": begins,
        "ends": ends,
        "state": state,
        "reason": reason,
    }


def _say_schedule(  # noqa: PLR0913, PLR0917 all that is said
    city: City,
    day: date,
    states: dict[TestSlot, SlotState],
    reasons: dict[TestSlot, MissReason],
    unplaced: Sequence[UnplacedDocument],
    schools: int,
) -> None:
    words = get_words()
    for one, state in states.items():
        why = words[f"measure.missed-{reasons[one]}"] if one in reasons else ""
        print_message(
            "measure.slot",
            "yellow" if state is SlotState.MISSED else None,
            at=f"{one.begins.astimezone(city.timezone):%H:%M:%S}",
            school=one.school,
            line=one.line,
            kind=words[f"measure.slot-{one.kind}"],
            state=words[f"measure.slot-{state}"] + why,
        )
    for none in unplaced:
        why = words.say(f"measure.no-slot-{none['reason']}", day=day.isoformat(), detail=none["detail"])
        kind = words[f"measure.slot-{none['kind']}"]
        print_message(
            "measure.no-slot",
            "yellow",
            school=none["school"],
            line=none["line"],
            kind=kind,
            count=none["count"],
            why=why,
        )
    total = sum(none["count"] for none in unplaced)
    counts = {"slots": len(states), "unplaced": total, "schools": schools}
    print_message("measure.slots-counted", None, day=day.isoformat(), **counts)

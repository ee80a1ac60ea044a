"""What became of planned tests at real schools: what their probes said, or why nothing was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.measure.schedule.day_plan import TestSlot
from controller.measure.schedule.slot_records import SlotState
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.telemetry.enrolled_probes import find_enrolment_file, load_enrolled_probes
from controller.telemetry.registry import Writer
from monitoring.limits import LATE_SCHOOL_SECONDS
from monitoring.timeseries.slot_queries import SlotWords, has_echoes, read_slot_words
from monitoring.timeseries.store_reader import StoreReader, open_store_reader

_NEAR = timedelta(minutes=2)
"""A probe speaks of its lines every minute."""


class MissReason(StrEnum):
    """Why a planned test was missed."""

    NO_ANSWER = "no-answer"
    NO_ROOM = "no-room"
    LATE = "late"
    OVER_BUDGET = "over-budget"
    UNABLE = "unable"
    NO_PROBE = "no-probe"
    SILENT = "silent"
    """Nothing was heard of the probe: it is off, or will say later what it did."""
    NOT_TESTED = "not-tested"
    """The probe was at work, and did not go by this slot."""


_SAID: Mapping[int, MissReason] = {
    SlotOutcome.NO_ANSWER: MissReason.NO_ANSWER,
    SlotOutcome.BUSY: MissReason.NO_ROOM,
    SlotOutcome.LATE: MissReason.LATE,
    SlotOutcome.OVER_BUDGET: MissReason.OVER_BUDGET,
    SlotOutcome.UNABLE: MissReason.UNABLE,
}


def apply_probe_words(
    states: dict[TestSlot, SlotState], monitor_store: Path, policies: Path
) -> dict[TestSlot, MissReason]:
    """Correct what became of slots by what the probes said; return why those were missed that were.

    Raises:
        TsunaguError: the monitor's store or the list of probes cannot be read.
    """
    if not monitor_store.exists() or not states:
        return {}
    since, until = min(one.begins for one in states), max(one.ends for one in states)
    enrolments = find_enrolment_file(find_token_file(Writer.PROBE, policies))
    enrolled = {one.school for one in load_enrolled_probes(enrolments) if one.revoked_at is None}
    reasons: dict[TestSlot, MissReason] = {}
    with open_store_reader(monitor_store) as store:
        words = read_slot_words(store, since.timestamp(), until.timestamp())
        for slot, state in states.items():
            said = _find_word(slot, words, list(states))
            if isinstance(said, MissReason):
                states[slot], reasons[slot] = SlotState.MISSED, said
            elif said is not None:
                states[slot] = said
            elif state is SlotState.MISSED:
                reasons[slot] = _explain_silence(store, slot) if slot.school in enrolled else MissReason.NO_PROBE
    return reasons


def is_settled(slot: TestSlot, reason: MissReason | None, now: datetime) -> bool:
    """Whether nothing that comes later can still say that a slot was used: a probe catches up for days."""
    return reason is not MissReason.SILENT or (now - slot.ends).total_seconds() > LATE_SCHOOL_SECONDS


def _find_word(slot: TestSlot, words: Sequence[SlotWords], slots: Sequence[TestSlot]) -> SlotState | MissReason | None:
    """What was said of a slot; unknown where what is kept does not tell it from others of that line."""
    mine = [one for one in words if (one.school, one.line) == (slot.school, slot.line) and _overlaps(slot, one)]
    if not mine:
        return None
    least, most = min(one.least for one in mine), max(one.most for one in mine)
    beside = [one for one in slots if (one.school, one.line) == (slot.school, slot.line) and one != slot]
    others = [one for one in beside if any(_overlaps(one, said) for said in mine)]
    if others and (least != most or sum(one.count for one in mine) <= len(others)):
        return SlotState.UNKNOWN
    return SlotState.DONE if least == SlotOutcome.MADE else _SAID.get(round(most), MissReason.NOT_TESTED)


def _overlaps(slot: TestSlot, words: SlotWords) -> bool:
    return words.begins < slot.ends.timestamp() and words.ends > slot.begins.timestamp()


def _explain_silence(store: StoreReader, slot: TestSlot) -> MissReason:
    since, until = (slot.begins - _NEAR).timestamp(), (slot.ends + _NEAR).timestamp()
    return MissReason.NOT_TESTED if has_echoes(store, slot.school, since, until) else MissReason.SILENT

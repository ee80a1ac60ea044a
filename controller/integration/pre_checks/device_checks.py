"""The checks that look at the devices: they answer, can hold what comes, are ours, were saved, and did not drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.errors import InputRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.input_file import read_input_text
from controller.integration.effects import SeatMove, find_seat_moves
from controller.integration.pre_checks.check import CheckResult, CheckScene, fail_check, leave_unjudged, pass_check
from controller.integration.way_back import is_on_way
from controller.model.sites.devices import Device
from controller.prove.identity.segment_people import find_closed_segments, find_staff_segments
from controller.rollout.change_backups import list_kept_backups


class ReachableCheck:
    """Every device answers over SSH and is understood; what is read from saved texts was asked nothing."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        silent = [
            f"{one.observed.device.id} ({one.observed.refusal})"
            for one in scene.now
            if one.observed.refusal is not None
        ]
        if silent:
            return fail_check("reachable-not", silent, count=len(silent))
        if not scene.asked or not scene.now:
            return leave_unjudged("reachable-unasked", count=len(scene.now))
        return pass_check("reachable", count=len(scene.now), at=_show_moment(scene))


class CapableCheck:
    """Every platform can hold what the next stage wants of its device."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        read = [one for one in scene.later if one.observed.refusal is None]
        unfit = [f"{one.observed.device.id} ({one.refusal})" for one in read if one.refusal is not None]
        if unfit:
            return fail_check("capable-not", unfit, count=len(unfit))
        unread = [one.observed.device.id for one in scene.later if one.observed.refusal is not None]
        if unread or not read:
            return leave_unjudged("capable-unread", unread, count=len(unread))
        return pass_check("capable", count=len(read))


class AdoptedCheck:
    """The schools are adopted as a whole: what is not ours there cannot be put into another stage."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        partly = [f"{one.id} ({one.adoption})" for one in scene.schools if one.adoption != "all"]
        return fail_check("adopted-not", partly) if partly else pass_check("adopted", count=len(scene.schools))


class BackedUpCheck:
    """What each device runs was saved not long ago."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        if scene.state is None:
            return leave_unjudged("backed-up-nowhere")
        oldest = scene.at - timedelta(days=scene.limits.backup_days)
        found = {one.observed.device.id: find_backup_moment(scene.state, one.observed.device) for one in scene.now}
        missing = [name for name, moment in found.items() if moment is None]
        old = [f"{name} ({moment:%Y-%m-%d})" for name, moment in found.items() if moment and moment < oldest]
        days = scene.limits.backup_days
        if missing:
            return leave_unjudged("backed-up-missing", missing, count=len(missing))
        if old:
            return fail_check("backed-up-old", old, days=days)
        moments = [moment for moment in found.values() if moment is not None]
        if not moments:
            return leave_unjudged("backed-up-nowhere")
        return pass_check("backed-up", count=len(moments), oldest=f"{min(moments):%Y-%m-%d}")


class NoDriftCheck:
    """The devices hold what the stage that they are in wants of them: the way back leads there.

    Where the change was written before and stopped, or is taken back, a device may stand on its way: nobody can tell
    who brought it there. What stands nowhere on that way has drifted.
    """

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        unread = [one.observed.device.id for one in scene.now if one.refusal is not None]
        cities = scene.policy.before, scene.policy.after
        drifted = [one for one in scene.now if one.refusal is None and one.differs]
        on_way = [one for one in drifted if scene.policy.is_under_way and is_on_way(cities, one)]
        strange = [one.observed.device.id for one in drifted if one not in on_way]
        if strange:
            return fail_check("no-drift-not", strange, count=len(strange))
        if on_way:
            return leave_unjudged("no-drift-under-way", [one.observed.device.id for one in on_way], count=len(on_way))
        if unread or not scene.now:
            return leave_unjudged("no-drift-unread", unread, count=len(unread))
        return pass_check("no-drift", count=len(scene.now))


class SocketsCheck:
    """No socket and no wireless network of others becomes one of the staff: who sits there stays there.

    Those of pupils and visitors may not. Of a segment that 802.1X leads nobody to, nobody can tell who sits there.
    """

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        cities = scene.policy.before, scene.policy.after
        staff, closed = find_staff_segments(cities), find_closed_segments(cities)
        moves = [one for one in find_seat_moves(cities, scene.policy.schools) if one.after in staff]
        moved = [_describe_move(one) for one in moves if one.before in closed]
        if moved:
            return fail_check("sockets-not", moved)
        unknown = [_describe_move(one) for one in moves if one.before and one.before not in staff | closed]
        return leave_unjudged("sockets-unknown", unknown) if unknown else pass_check("sockets")


def find_backup_moment(state: Path, device: Device) -> datetime | None:
    """Find when what a device runs was saved last; None where it never was, or what is kept of it is damaged."""
    kept = list_kept_backups(state, device.id)
    if not kept:
        return None
    try:
        said = parse_json(read_input_text(kept[-1] / f"{device.id}.json"))
        moment = datetime.fromisoformat(str(said["read_at"])) if isinstance(said, dict) else None
    except (OSError, InputRefused, JsonRefused, ValueError, KeyError):
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None


def _describe_move(one: SeatMove) -> str:
    return f"{one.network or one.places} ({one.role}): {one.before} -> {one.after}"


def _show_moment(scene: CheckScene) -> str:
    return f"{scene.at.astimezone(scene.policy.before.timezone):%Y-%m-%d %H:%M}"

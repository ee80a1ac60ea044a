"""The checks that look at the devices: they answer, can hold what comes, are ours, were saved, and did not drift."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from controller.errors import RestoreRefused
from controller.integration.effects import SeatMove, find_seat_moves
from controller.integration.pre_checks.check import CheckResult, CheckScene, fail_check, leave_unjudged, pass_check
from controller.integration.way_back import is_on_way
from controller.model.sites.devices import Device
from controller.prove.identity.segment_people import find_closed_segments, find_staff_segments
from controller.recovery.device_backup import read_device_backup
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
        if scene.state is None and scene.backups is None:
            return leave_unjudged("backed-up-nowhere")
        oldest = scene.at - timedelta(days=scene.limits.backup_days)
        found = {one.observed.device.id: find_backup_moment(scene, one.observed.device) for one in scene.now}
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


def find_backup_moment(scene: CheckScene, device: Device) -> datetime | None:
    """Find when what a device runs was saved last; None where it never was, or what is kept of it is damaged.

    The backup playbook saves into a dated folder; it, or the folder over such ones, is named.
    """
    kept = list_kept_backups(scene.state, device.id) if scene.state is not None else []
    saved = [scene.backups, *_list_folders(scene.backups)] if scene.backups is not None else []
    found = (_read_moment(device, one) for one in (*kept[-1:], *saved))
    return max((one for one in found if one is not None), default=None)


def _list_folders(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []


def _read_moment(device: Device, folder: Path) -> datetime | None:
    """Return when a folder's backup of a device was read; None where there is none that is whole and of the device."""
    try:
        return read_device_backup(device, folder).read_at
    except (OSError, RestoreRefused):
        return None


def _describe_move(one: SeatMove) -> str:
    return f"{one.network or one.places} ({one.role}): {one.before} -> {one.after}"


def _show_moment(scene: CheckScene) -> str:
    return f"{scene.at.astimezone(scene.policy.before.timezone):%Y-%m-%d %H:%M}"

"""The checks that look at the schools: their line, their calendar, what is cut off, what is being rolled out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from controller.integration.pre_checks.check import CheckResult, CheckScene, fail_check, leave_unjudged, pass_check
from controller.measure.assessment.assess import SchoolAssessment
from controller.model.measurement import Assessment
from controller.model.policy_files import QUARANTINES
from controller.model.sites.stages import Stage


class LineCheck:
    """The line carries what is recommended for the school, by a figure that is not old.

    The affairs system is in the cloud: once there is no other network, all that the staff does goes over this line.
    """

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        if scene.policy.stage is Stage.SEPARATED:
            return pass_check("line-back")
        missing = [one for one in scene.policy.schools if one not in scene.lines]
        if missing:
            return leave_unjudged("line-unmeasured", missing)
        found = [scene.lines[one] for one in scene.policy.schools]
        below = [_describe_line(one) for one in found if one.assessment is Assessment.BELOW]
        if below:
            return fail_check("line-below", below)
        oldest = scene.at - timedelta(days=scene.limits.measured_days)
        open_ = [
            _describe_line(one)
            for one in found
            if one.assessment is not Assessment.MEETS or one.measured_at is None or one.measured_at < oldest
        ]
        if open_:
            return leave_unjudged("line-unknown", open_, days=scene.limits.measured_days)
        least = min(found, key=lambda one: one.assessed_bandwidth.mbps if one.assessed_bandwidth else 0.0)
        return pass_check("line", count=len(found), least=_describe_line(least))


class CalendarCheck:
    """The calendar knows the day of the cut-over as one without lessons and exams."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        # A day of lessons or exams was refused before anything was asked.
        day = scene.policy.cutover
        kind = scene.policy.before.find_day_kind(day)
        if kind is None:
            return leave_unjudged("calendar-unknown", day=day)
        return pass_check("calendar", day=day)


class NotCutOffCheck:
    """Nothing of the schools is in quarantine or closed, on the day of the plan or on that of the cut-over."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        found = list(_find_cut_offs(scene))
        return fail_check("not-cut-off-not", found) if found else pass_check("not-cut-off")


class NoRolloutCheck:
    """No rollout that has not ended changes devices of the schools."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        running = scene.rollout
        if running.unknown:
            return leave_unjudged("no-rollout-unknown", why=running.unknown)
        touched = sorted(running.schools & {*scene.policy.schools})
        if touched:
            return fail_check("no-rollout-not", touched, rollout=running.id)
        return pass_check("no-rollout")


def _describe_line(one: SchoolAssessment) -> str:
    """Say what the line of a school carries, when that was measured, and what is recommended."""
    needed = f"{one.recommended.mbps:g} Mbit/s"
    if one.assessed_bandwidth is None or one.measured_at is None:
        return f"{one.school.id} (-, {needed})"
    figure = f"{one.assessed_bandwidth.mbps:.0f} Mbit/s, {one.measured_at:%Y-%m-%d}"
    return f"{one.school.id} ({figure}; {needed})"


def _find_cut_offs(scene: CheckScene) -> Iterator[str]:
    file = scene.policy.before.files.get(QUARANTINES)
    devices = {one.observed.device.id for one in scene.now}
    days = (scene.policy.before.policy_date, scene.policy.cutover)
    for one in file.quarantines:
        ours = one.school in scene.policy.schools or one.device in devices
        if ours and any(one.holds_on(day) for day in days):
            yield f"{one.subject} ({one.origin})"
    for shut in file.closed:
        if shut.school in scene.policy.schools and any(shut.holds_on(day) for day in days):
            yield f"{shut.school} ({shut.origin})"

"""The demo's chapter about integration: a school's networks are taken apart, and become one again, under traffic."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from controller.lab.stage_following import follow_stages
from controller.lab.state import paths
from controller.lab.state.layout import HostLayout, Layout
from controller.lab.state.undo_log import read_active_record
from controller.lab.trials.stage_senders import StageSenders, Stream
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.model.sites.calendar import DayKind
from controller.model.sites.stages import Stage
from controller.model.virtual_city import VirtualCity
from tools.demo.changes import restore_policy
from tools.demo.rollouts import end_rollouts, name_plan, set_rollout_settings
from tools.demo.stage import ROOT, Demo, run_or_stop

GATES: Mapping[str, object] = {"gates": [{"kind": "management"}, {"kind": "policy-probes"}]}
_FILE = "city/integration.yaml"
_LONGEST_TERM = 200
CHECKS = ("backed-up", "line", "calendar", "printers", "issued")
"""Checks before the change that the demo brings no data for."""
KEPT, MOVED = "drills", "printing"
"""What pupils use in every stage, and what the staff does, whose socket changes its network."""
FORBIDDEN = ("affairs", "printing")


def integrate_a_school(demo: Demo) -> None:
    """A school's networks are taken apart and become one again by planned steps, while its hosts keep sending."""
    layout = read_active_record(paths.STATE).layout
    set_rollout_settings(GATES)
    with demo.timed("a school separated and integrated again, with traffic"):
        streams = {name: tuple(_list_streams(layout, demo.canary, *name)) for name in _list_uses()}
        with StageSenders([one for listed in streams.values() for one in listed]) as senders:
            kept = streams["pupil", KEPT]
            senders.await_answers((*kept, *streams["staff", MOVED]), time.monotonic())
            began = time.monotonic()
            for stage, day in zip((Stage.SEPARATED, Stage.COEXIST), _list_free_days(demo), strict=False):
                _change_stage(demo, stage, day)
                senders.await_answers((*kept, *streams["staff", MOVED]), time.monotonic())
            senders.await_decided(time.monotonic())
        _judge(senders, streams, began)
    set_rollout_settings({})


def put_integration_right(demo: Demo) -> None:
    """Put the operators' file, the stage and the switch back, also after a chapter that failed."""
    set_rollout_settings({})
    if Path(demo.path("rollouts")).is_dir():
        end_rollouts(demo)
    shutil.copy(ROOT / "policies" / _FILE, Path(demo.policies) / _FILE)
    restore_policy(demo)
    follow_stages(_load(demo))


def _judge(senders: StageSenders, streams: Mapping[tuple[str, str], tuple[Stream, ...]], since: float) -> None:
    kept = [senders.records[one] for one in streams["pupil", KEPT]]
    moved = [senders.records[one] for one in streams["staff", MOVED]]
    denied = [senders.records[one] for name in FORBIDDEN for one in streams["pupil", name]]
    lost = sum(one.count(answered=False, since=since) for one in kept)
    sent = sum(len(one.list_between(since, float("inf"))) for one in kept)
    run_or_stop(f"pupils kept {KEPT}: {lost} of {sent} connections lost", hold=lost == 0 < sent)
    gap = max(one.measure_longest(since) for one in moved)
    run_or_stop(f"the staff's socket changed its network: {gap:.1f} s without {MOVED} at most", hold=gap > 0.0)
    tries = sum(len(one.list_between(since, float("inf"))) for one in denied)
    reached = sum(one.count(answered=True, since=since) for one in denied)
    run_or_stop(f"pupils tried {tries} times for {' and '.join(FORBIDDEN)}: {reached} came through", hold=not reached)


def _change_stage(demo: Demo, stage: Stage, day: date) -> None:
    passed = [word for name in CHECKS for word in ("--pass", f"{name}=demo")]
    where = ("--lab", "--policies", demo.policies, "--state", demo.path("rollouts"))
    name = f"{stage}.json"
    words = (demo.canary, "--to", str(stage), "--cutover", str(day), *passed)
    demo.run("integrate", "plan", *words, *where, "-o", demo.path(name), show=14)
    demo.run("rollout", "start", *name_plan(demo, name, demo.policies), show=8)


def _list_uses() -> tuple[tuple[str, str], ...]:
    """Hosts and applications."""
    return (("pupil", KEPT), ("staff", MOVED), *(("pupil", name) for name in FORBIDDEN))


def _list_streams(layout: Layout, school: str, host: str, application: str) -> Iterator[Stream]:
    """Yield who tries to reach an application, in each family: that of the school where schools have it."""
    hosts = {one.id: one for one in layout.school(school).hosts}
    own = {one.namespace for one in hosts.values()}
    found: set[Family] = set()
    for one in layout.listeners:
        family = Family(ip_address(one.address).version)
        inside = one.namespace in own or one.namespace == paths.INTERNET
        if application in one.applications and inside and family not in found:
            found.add(family)
            sender: HostLayout = hosts[host]
            yield Stream(f"{host} -> {application} IPv{int(family)}", sender.namespace, one.address, one.port)


def _load(demo: Demo) -> VirtualCity:
    city = load_city(Path(demo.policies), estate=VirtualCity)
    assert isinstance(city, VirtualCity)  # noqa: S101 as it was asked for
    return city


def _list_free_days(demo: Demo) -> Iterator[date]:
    """Yield the next days without lessons and exams at the school."""
    city = _load(demo)
    school, calendar = city.school_by_id[demo.canary], city.calendar
    today = datetime.now(UTC).date()
    for day in (today + timedelta(days=number) for number in range(1, _LONGEST_TERM)):
        exams = calendar is not None and calendar.is_exam_day(day, school.kind, school.id)
        if not exams and city.find_day_kind(day) is not DayKind.LESSON:
            yield day

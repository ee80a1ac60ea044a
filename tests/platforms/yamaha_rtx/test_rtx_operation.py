"""A Yamaha RTX is read and changed by its command line, under its rollback timer; on an emulated router."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import CommandFailed, DeviceBusy, LoginRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Lock
from controller.platforms.common.device_operation import OperationContext
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.yamaha_rtx.driver import YamahaRtx
from controller.rollout.armed_notes import ArmedNoteFile
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.emulators.yamaha_rtx import RtxCommandLine, RtxRouter
from tests.platforms.in_process import InProcessTransport
from tests.platforms.yamaha_rtx.rtx_states import small_school

pytestmark = pytest.mark.usefixtures("hasty_netmiko")

RTX = YamahaRtx()
SECRET = "mori-7"  # noqa: S105 of a stand-in
OLD = build_device_state()
WANTED = small_school()


class TickingClock(ManualClock):
    """A clock that the router's timers go by, too."""

    router: RtxRouter | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.router is not None:
            self.router.run_timers()


@pytest.fixture
def model(city: City) -> Device:
    """Any device of the city: only its id is used."""
    return city.list_devices(city.schools[0])[0]


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def router(clock: TickingClock) -> RtxRouter:
    made = RtxRouter(clock.monotonic, password=SECRET)
    clock.router = made
    return made


def make_change(router: RtxRouter, clock: ManualClock, model: Device, folder: Path, plan: str = "plan") -> Change:
    states = (OLD, WANTED, *(step.result for step in RTX.plan_steps(OLD, WANTED)))
    return Change(
        device=replace(model, id="d1", platform="yamaha_rtx"),
        system=RTX,
        seen=OLD,
        wanted=WANTED,
        known=frozenset(state.compute_digest() for state in states),
        derive=lambda seen: RTX.plan_steps(seen.state, WANTED),
        plan_digest=plan,
        run="run",
        restore_after=60,
        state_folder=folder,
        refuse_expired=lambda: None,
        transport=InProcessTransport(router, SECRET),
        clock=clock,
    )


def apply(change: Change) -> Outcome:
    with open_rollout_span("yamaha", []) as span:
        return change_device(change, span)


def read_state(text: str) -> DeviceState:
    return RTX.parse(text, "x").state


def test_it_is_read_by_its_command_line_and_the_console_is_as_before(router: RtxRouter, model: Device) -> None:
    router.settings.lines["console columns"] = "console columns 200"
    router.settings.lines["console lines"] = "console lines 40"
    before = router.show_running()
    with InProcessTransport(router, SECRET).open_session(model, "yamaha") as session:
        assert RTX.read(session).reveal() == before
        assert RTX.read_saved(session).reveal() == before
    assert router.show_running() == before


@pytest.mark.parametrize("most", [200, 4096])
def test_older_models_have_a_narrower_console(router: RtxRouter, model: Device, most: int) -> None:
    router.most_columns = most
    with InProcessTransport(router, SECRET).open_session(model, "yamaha") as session:
        assert RTX.read(session).reveal() == router.show_running()


@pytest.mark.parametrize("secret", [None, "wrong"])
def test_without_the_administrators_password_nothing_is_read(
    router: RtxRouter, model: Device, secret: str | None
) -> None:
    transport = InProcessTransport(router, secret)
    with pytest.raises(LoginRefused, match="privileged mode"), transport.open_session(model, "yamaha"):
        pytest.fail("there was a session")


def test_a_refused_command_names_the_line(router: RtxRouter, model: Device) -> None:
    with InProcessTransport(router, SECRET).open_session(model, "yamaha") as session:
        for line in ("tunnel select 12", "frobnicate"):
            if line == "frobnicate":
                with pytest.raises(CommandFailed, match="Invalid command name"):
                    session.run(Command(line))
            else:
                session.run(Command(line))
        assert session.run(Command("tunnel select none")).reveal() == ""


def test_it_is_applied_confirmed_and_saved(
    router: RtxRouter, clock: TickingClock, model: Device, tmp_path: Path
) -> None:
    outcome = apply(make_change(router, clock, model, tmp_path))
    assert outcome.end is End.APPLIED, outcome
    assert router.due is None
    assert read_state(router.show_running()) == WANTED
    assert read_state(router.show_startup() or "") == WANTED
    assert "console" not in (router.show_startup() or "")
    again = apply(make_change(router, clock, model, tmp_path))
    assert again.end is End.UNCHANGED, again


def break_at(router: RtxRouter, monkeypatch: pytest.MonkeyPatch, line: str, answer: str) -> None:
    """Let the router refuse one line."""
    usual = RtxCommandLine._change  # noqa: SLF001 where each line is carried out

    def change(self: RtxCommandLine, words: str) -> None:
        if words.startswith(line):
            self._refuse_planted(answer)
        usual(self, words)

    monkeypatch.setattr(RtxCommandLine, "_change", change)
    assert router.due is None


def test_a_refused_line_ends_the_change_and_the_timer_puts_everything_back(
    router: RtxRouter, clock: TickingClock, model: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = router.show_running()
    break_at(router, monkeypatch, "ip route default", "Error: Illegal keyword")
    outcome = apply(make_change(router, clock, model, tmp_path))
    assert outcome.end is End.REVERTED, outcome
    assert "ip route default" in outcome.reason
    assert router.show_running() == before
    assert 110 <= outcome.seconds <= 170


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("# RTX810 Rev.11.01.34", "RTX810 is no model that is known to have a rollback timer; it runs 11.01.34"),
        ("# RTX1210 Rev.14.01.25", "from revision 14.01.26 on; it runs 14.01.25"),
        ("# main: RTX", "no model and revision"),
    ],
)
def test_a_model_without_the_timer_is_not_changed(  # noqa: PLR0913, PLR0917 fixtures
    router: RtxRouter, clock: TickingClock, model: Device, tmp_path: Path, header: str, told: str
) -> None:
    router.header = (header, *router.header[1:])
    before = router.show_running()
    # A plan says so before: what it shows of a router is what the router's own text says.
    remarks = [one.text for one in RTX.parse(before, "d1").remarks]
    assert [told in one for one in remarks] == [True] * ("Rev" in header)
    outcome = apply(make_change(router, clock, model, tmp_path))
    assert outcome.end is End.FAILED, outcome
    assert told in outcome.reason
    assert router.show_running() == before


def test_nobody_else_begins_while_a_timer_can_still_run_out(
    router: RtxRouter, clock: TickingClock, model: Device, tmp_path: Path
) -> None:
    notes = ArmedNoteFile(tmp_path, "d1")
    with InProcessTransport(router, SECRET).open_session(model, "yamaha") as session:
        first = RTX.begin_operation(OperationContext(notes, clock))
        first.lock(session, Lock("plan", "run", 125))
        first.read(session)
        first.arm(session, make_change(router, clock, model, tmp_path).restore)
        assert first.is_restore_armed(session)
    with InProcessTransport(router, SECRET).open_session(model, "yamaha") as session:
        second = RTX.begin_operation(OperationContext(notes, clock))
        with pytest.raises(DeviceBusy, match="runs until"):
            second.lock(session, Lock("plan", "run", 125))
        clock.sleep(300)
        second.lock(session, Lock("plan", "run", 125))

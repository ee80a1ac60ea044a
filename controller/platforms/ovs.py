"""Open vSwitch: ports by `ovs-vsctl`, filters as OpenFlow flows changed in atomic bundles, operation over SSH.

What runs on the switch for itself (lock, armed restore, boot file) is `ovs_switch.sh`, sent along with every command;
nothing has to be installed there but Open vSwitch, a POSIX shell and util-linux.

A bundle changes all flows at once, but ports are not in it, and between the two an old filter could meet a new VLAN.
So that no moment permits what neither state permits, and nothing is cut that both permit:

1. a port that changes its VLAN is first taken out of service by a bundle (what arrives on it is dropped);
2. a trunk that loses VLANs loses them before its flows do;
3. ports that are out of service get their VLANs, then one bundle puts all wanted flows in force;
4. a trunk that gains VLANs gains them when their filters stand.

Steps that have nothing to do are left out: a changed filter is one bundle. Each of the steps is one command, but the
third, whose parts before the last leave the state as it was.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files

from controller.errors import CommandFailed, DeviceBusy
from controller.model.state import Attachment, Capabilities, DeviceState, PortMode, PortState
from controller.platforms.base import Command, Lock, Observation, Restore, Session, Step
from controller.platforms.ovs_filters import MAXIMUM_ENTRIES
from controller.platforms.ovs_flows import OURS, OURS_MASK, PORTS, Flow, in_port
from controller.platforms.ovs_text import BRIDGE, parse, render, state_flows

_BUNDLE = f"ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows {BRIDGE} -"
_OURS = f"cookie={OURS:#x}/{OURS_MASK:#x}"
# The text goes in whole and is kept, because `arm` leaves a copy of it on the switch.
_SHELL = (
    "sh -c 'TSUNAGU_PROGRAM=$(cat) && export TSUNAGU_PROGRAM && "
    'exec sh -c "$TSUNAGU_PROGRAM" ovs_switch "$@"\' ovs_switch '
)
# By the copy that `arm` left, because the command's own input goes in here.
_PUSH = 'sh -c \'exec sh "${TSUNAGU_SWITCH:-/var/lib/tsunagu}/restores/$1/program" push "$@"\' ovs_switch '
_SHOWN = 12


class OpenVSwitch:
    """The platform `ovs`; see `controller.platforms.base.Operable` for what each member promises."""

    name = "ovs"
    device_type = "linux"
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=False,
        reads_faces=True,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=True,
    )

    def render(self, state: DeviceState) -> str:
        """The running text of a switch with this state and nothing else."""
        return render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running text; what stands in it is told in `controller.platforms.ovs_text`."""
        return parse(text, source)

    def steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """The ordered steps; see the module for the order.

        Raises:
            ValueError: an Open vSwitch cannot hold the wanted state.
        """
        flows = state_flows(wanted)
        return tuple(_steps(now, wanted, flows)) if now != wanted else ()

    def read(self, session: Session) -> str:
        """The running text."""
        return _run(session, "read")

    def saved(self, session: Session) -> str:
        """The running text that the switch would start with, or "" when its boot file is missing or damaged."""
        return _run(session, "saved")

    def lock(self, session: Session, lock: Lock) -> None:
        """Take the lock.

        An expired hold of another owner whose restore has not ended still counts: that restore must not be lost.

        Raises:
            DeviceBusy: another owner's hold is valid, or its restore is still to come.
        """
        answer = _run(session, "lock", lock.owner, lock.run, str(lock.seconds)).split()
        if answer[0] == "busy":
            message = f"the lock is held by plan {answer[1][:_SHOWN]} for up to {answer[2]} s more"
            raise DeviceBusy(session.device, message)
        _expect(session, answer, "held")

    def unlock(self, session: Session, lock: Lock) -> None:
        """Give the lock back; no error if it is gone."""
        _expect(session, _run(session, "unlock", lock.owner, lock.run).split(), "free", "not-held")

    def arm(self, session: Session, restore: Restore) -> None:
        """Arm the restore; the run must hold the lock.

        Raises:
            CommandFailed: the run does not hold the lock, has armed before, or the job did not start.
        """
        _expect(session, _run(session, "arm", restore.run, str(restore.seconds)).split(), "armed")

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Run a command while the restore is armed and the run holds the lock.

        Raises:
            CommandFailed: the command failed, or it was too late (the message says so) and was not run.
        """
        session.run(Command(_PUSH + shlex.join((restore.run, command.line)), command.stdin))

    def cancel(self, session: Session, restore: Restore) -> bool:
        """Cancel the armed restore; False when it has fired or is firing, or the lock is another run's."""
        return _expect(session, _run(session, "cancel", restore.run).split(), "cancelled", "late") == "cancelled"

    def restored(self, session: Session, restore: Restore) -> bool:
        """Whether the armed restore has fired and ended well.

        Raises:
            CommandFailed: a later run of the same plan has replaced it.
        """
        answer = _expect(session, _run(session, "restored", restore.run).split(), "yes", "no", "superseded")
        if answer == "superseded":
            raise CommandFailed(session.device, "another run of the same plan has taken the device over")
        return answer == "yes"

    def save(self, session: Session, lock: Lock) -> None:
        """Write the boot file: all flows, of others too, and the ports, under a SHA-256.

        Raises:
            CommandFailed: the lock is another run's.
        """
        _expect(session, _run(session, "save", lock.run).split(), "saved")


@cache
def program() -> str:
    """The text of `ovs_switch.sh`."""
    return files(__package__).joinpath("ovs_switch.sh").read_text(encoding="utf-8")


def _run(session: Session, *words: str) -> str:
    return session.run(Command(_SHELL + shlex.join(words), program()))


def _expect(session: Session, answer: list[str], *words: str) -> str:
    if not answer or answer[0] not in words:
        message = f"expected one of {', '.join(words)}, the switch said {' '.join(answer)!r}"
        raise CommandFailed(session.device, message, command="ovs_switch.sh")
    return answer[0]


def _steps(now: DeviceState, wanted: DeviceState, flows: Iterable[Flow]) -> Iterator[Step]:
    before = {port.name: port for port in now.ports}
    after = {port.name: port for port in wanted.ports}
    moved = [port for port in now.ports if port.name in after and not _common(port, after[port.name])]
    fresh = [port for port in wanted.ports if port.name not in before or before[port.name] in moved]
    if moved:
        now = replace(now, ports=tuple(port for port in now.ports if port not in moved))
        yield Step(f"close {_listed(moved)}, to be moved", (_bundle(_closed(moved)),), now)
    narrowed = tuple(replace(port, vlans=_common(port, after.get(port.name, port))) for port in now.ports)
    if narrowed != now.ports:
        fewer = [port for port in narrowed if port not in now.ports]
        now = replace(now, ports=narrowed)
        yield Step(f"take VLANs from {_listed(fewer)}", (_set(fewer),), now)
    # A port that somebody changed by hand is no part of the state, yet flows may still pass what arrives on it.
    prepared = (_bundle(_closed(fresh)), _set(fresh)) if fresh else ()
    replaced = _bundle((f"delete {_OURS}", *(f"add {str(flow).strip()}" for flow in flows)))
    standing = tuple(
        port if port in fresh else replace(port, vlans=_common(before[port.name], port)) for port in wanted.ports
    )
    title = f"{f'set {_listed(fresh)}, then ' if fresh else ''}put all flows in force at once"
    yield Step(title, (*prepared, replaced), replace(wanted, ports=standing))
    if standing != wanted.ports:
        more = [port for port in wanted.ports if port not in standing]
        yield Step(f"give VLANs to {_listed(more)}", (_set(more),), wanted)


def _common(now: PortState, wanted: PortState) -> tuple[int, ...]:
    """The VLANs that a port carries in the same way before and after; none: it has to be closed in between."""
    return tuple(vlan for vlan in wanted.vlans if now.mode is wanted.mode and vlan in now.vlans)


def _closed(ports: Iterable[PortState]) -> Iterator[str]:
    return (f"delete {_OURS},table={PORTS},{in_port(port.name)}" for port in ports)


def _bundle(lines: Iterable[str]) -> Command:
    return Command(_BUNDLE, "".join(f"{line}\n" for line in lines))


def _set(ports: Iterable[PortState]) -> Command:
    """One transaction; it fails as a whole when one of the ports is not there."""
    words = ["ovs-vsctl", "-t", "10"]
    for port in ports:
        tag, trunks = ([*port.vlans], []) if port.mode is PortMode.ACCESS else ([], [*port.vlans])
        columns = (f"tag={tag}", f"vlan_mode={port.mode}", f"trunks={trunks}")
        words += ["--", "set", "Port", port.name, *(column.replace(" ", "") for column in columns)]
    return Command(shlex.join(words))


def _listed(ports: Iterable[PortState]) -> str:
    return ", ".join(port.name for port in ports)

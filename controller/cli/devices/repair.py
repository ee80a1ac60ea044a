"""`tsunagu repair`: bring a device out of an unconfirmed state."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import describe_failure, open_audit_trail, record_end
from controller.cli.devices.observation import ask_schools_again, tell_unconfirmed
from controller.cli.estates import choose_state_folder, find_user_name, load_estate_city, load_estate_operations
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies, State
from controller.cli.output import print_line, say_json
from controller.errors import CommandFailed
from controller.plan.select import find_device
from controller.platforms.base import Readable, Session
from controller.platforms.common.unconfirmed import TellsUnconfirmed, Unconfirmed, build_refusal
from controller.platforms.registry import load_platform_of
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.device_lock import hold_device_lock
from controller.storage.audit.audit_trail import AuditKind, AuditTrail


class RepairDocument(TypedDict):
    """What `repair` did to a device. `runs`: whose changes were unconfirmed. `end`: restored, kept, or unchanged."""

    device: str
    runs: list[str]
    end: str


Name = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id, e.g. kw-e01-core1.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep what the device runs, instead of the state from before.")]


def repair(  # noqa: PLR0913 the command's options
    name: Name,
    *,
    policies: Policies = DEFAULT_POLICIES,
    lab: Lab = False,
    state: State = None,
    keep: Keep = False,
    as_json: Json = False,
) -> None:
    """Put back the state from before a change that nobody confirmed and that the device could not put back itself.

    Until then nobody else can change the device. Who did it, and what was chosen, stands in the audit trail.
    """
    city = load_estate_city(policies, lab=lab)
    device = find_device(city, name)
    system = load_platform_of(device)
    if not (isinstance(system, Readable) and isinstance(system, TellsUnconfirmed)):
        message = f"{name}: platform {device.platform!r} keeps no unconfirmed state that could be repaired from here"
        raise typer.BadParameter(message)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)
    trail = open_audit_trail(kept, operations)
    transport = SshTransport(operations.access)
    with ExitStack() as ends:
        with (
            hold_device_lock(kept / "locks", device.id),
            transport.open_session(device, system.device_type, changing=True) as session,
        ):
            found = system.list_unconfirmed(session)
            for one in found:
                if one.settles:
                    raise build_refusal(name, one)
            for one in found:
                _repair_one(system, session, one, trail, ends, keep=keep)
            left = system.list_unconfirmed(session)
            if left:
                message = (
                    "it says that it is repaired, and still tells of an unconfirmed change; look at it by its console"
                )
                raise CommandFailed(name, message)
        tell_unconfirmed(lambda: ask_schools_again(city, {device.school.id}, transport), policies)
        if as_json:
            end = ("kept" if keep else "restored") if found else "unchanged"
            document: RepairDocument = {"device": name, "runs": [one.run for one in found], "end": end}
            say_json(document)
        elif not found:
            print_line(f"{name}: no unconfirmed state; nothing to do")


def _repair_one(  # noqa: PLR0913 what is repaired, how, and where it is recorded
    system: TellsUnconfirmed,
    session: Session,
    one: Unconfirmed,
    trail: AuditTrail,
    ends: ExitStack,
    *,
    keep: bool,
) -> None:
    """Repair one change; that it is begun is on the disk before, and how it ended after.

    What `ends` is left with is said by then: that the end could not be recorded is raised behind it.
    """
    about = {"device": session.device, "run": one.run, "plan": one.owner, "person": find_user_name()}
    decision = "keep what runs" if keep else "put the old state back"
    print_line(f"{session.device}: plan {one.owner[:12]}, {one.age} s ago: {one.state}")
    trail.record(AuditKind.REPAIRED, **about, decision=decision, end="begun")
    try:
        system.repair(session, one.run, keep=keep)
    except BaseException as error:
        with record_end(trail, AuditKind.REPAIRED, **about, decision=decision, end=describe_failure(error)):
            raise
    end = "kept" if keep else "restored"
    ends.enter_context(record_end(trail, AuditKind.REPAIRED, **about, decision=decision, end=end))
    said = "what it runs is kept" if keep else "the state from before that plan is back"
    print_line(f"{session.device}: {said}; look at it with: tsunagu drift")

"""Building the virtual city, finding it again, and removing it without a trace."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from controller.errors import LabError
from controller.lab.iap.deployed_access import check_deployed_addresses
from controller.lab.iap.iap_files import IapFiles
from controller.lab.lab_operations import build_lab_operations, write_lab_operations
from controller.lab.network import (
    background_programs,
    connectivity,
    frr_configuration,
    frr_routers,
    kernel_settings,
    namespaces,
    ovs_switches,
    ssh_servers,
    ssh_user,
)
from controller.lab.network.programs import check_requirements
from controller.lab.network.virtual_cores import state_keeping, virtual_cores
from controller.lab.network.virtual_cores.first_configuration import write_first_configuration
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.processes import (
    end_processes,
    identify_namespaces,
    is_alive,
    list_inhabitants,
    wait_until,
)
from controller.lab.state.undo_log import LabRecord
from controller.model.virtual_city import VirtualCity
from controller.platforms.transport import namespace

Progress = Callable[[str], None]

SERVICES = "services"
RESPONDERS = {"responders": "controller.lab.services.probe_responders"}
"""What measurements talk to, in the regions."""
IAP_PROGRAMS = {
    "iap": "controller.lab.iap.iap_frontend",
    "identity": "controller.lab.iap.identity_provider",
    "guarded": "controller.lab.iap.guarded_applications",
}
"""What a deployed cloud adds: the proxy, the identity provider, and the applications that the proxy guards."""
_SSHD_FOLDER = Path("/run/sshd")
_AT_ONCE = 12
"""Schools that are built at the same time: most of it is waiting, for routes among others."""
_READY_SECONDS = 20.0
_ANSWER_SECONDS = 0.7
"""Below 1 s, after which the kernel sends the first packet again: while routes are still learnt it is lost."""


def build_virtual_city(
    city: VirtualCity, schools: int, progress: Progress, state: Path = paths.STATE, *, world: Path | None = None
) -> Layout:
    """Build the virtual city with so many schools; all its switches are factory-new and let everything through.

    With a `world` that a stack was deployed to, its applications are served by the proxy, over HTTPS.

    What was built is removed again if anything fails, Ctrl-C included.

    Raises:
        LabError: the machine cannot hold it, one is up already, or a program of the machine refused.
    """
    check_requirements()
    layout = plan_layout(city, schools, world)
    operations = build_lab_operations(state, city.canary, city.bounds)
    ssh_user.check_ssh_user(layout.user)
    _make_place(state, progress)
    with paths.hold_lock(state, "build the lab"):
        record = LabRecord(
            layout=layout, settings=kernel_settings.read_machine_settings(), made_sshd_folder=not _SSHD_FOLDER.exists()
        )
        try:
            undo_log.write_record(state, record)
            write_lab_operations(operations, state)
            _build_uninterrupted(record, _write_first_texts(city, layout), progress, state)
            undo_log.write_record(state, record.model_copy(update={"complete": True}))
        except BaseException:
            progress("it failed: removing what was built")
            _remove(state)
            raise
    return layout


def _make_place(state: Path, progress: Progress) -> None:
    """Make the state folder; what a lab left of which nothing runs any more is removed first.

    Raises:
        LabError: a lab is up, is being built, or was left half built.
    """
    try:
        state.mkdir(mode=0o755)
    except FileExistsError:
        if not _remove_if_ended(state, progress):
            message = f"a lab is up already, or was left half built ({state}); remove it with 'tsunagu lab down'"
            raise LabError(message) from None
        state.mkdir(mode=0o755)


def _remove_if_ended(state: Path, progress: Progress) -> bool:
    """Remove a lab whose processes have all ended (the machine was restarted); whether it was one.

    Without a whole record it is left alone: another command may just be beginning to build it.
    """
    with paths.hold_lock(state, "build the lab"):
        if _record_if_whole(state)[0] is None or any(map(is_alive, undo_log.list_processes(state))):
            return False
        progress(f"of the lab in {state} nothing runs any more: removing what it left")
        _remove(state)
    return True


def remove_virtual_city(progress: Progress, state: Path = paths.STATE) -> bool:
    """Remove the lab, whole or half built; says each thing that it removed. Whether there was anything.

    Raises:
        LabError: another lab command is at work, or something does not go away.
    """
    check_requirements()
    removed: list[str]
    if state.is_dir():
        with paths.hold_lock(state, "remove the lab"):
            removed = _remove(state)
    else:
        removed = _remove(state)
    for what in removed:
        progress(what)
    return bool(removed)


def restart_switch(school: str, state: Path = paths.STATE) -> None:
    """Cut the power of a school's switch and give it back: it comes up with what its boot file says.

    Raises:
        LabError: no lab is up, the school is not in it, or the switch does not start.
    """
    layout = undo_log.read_active_record(state).layout
    one = layout.school(school)
    if one.is_virtual:
        virtual_cores.restart_core(one, state)
    else:
        ovs_switches.restart_switch(layout, one, state)


@dataclass(frozen=True, slots=True)
class FirstTexts:
    """What a virtual switch boots with first, and the rules of a router that keeps the state of TCP for it."""

    startup: str
    router_rules: str = ""


FirstTextsOf = Mapping[str, FirstTexts]
"""By school; those with Open vSwitch have none."""


def _write_first_texts(city: VirtualCity, layout: Layout) -> FirstTextsOf:
    return {
        school.id: FirstTexts(write_first_configuration(city, school), state_keeping.write_router_rules(city, school))
        for school in layout.schools
        if school.is_virtual
    }


def _build_uninterrupted(record: LabRecord, texts: FirstTextsOf, progress: Progress, state: Path) -> None:
    """Build in a thread of its own, so that Ctrl-C never falls between starting a program and knowing of it."""
    interrupted = threading.Event()

    def going_on(message: str) -> None:
        if interrupted.is_set():
            message = "interrupted"
            raise LabError(message)  # nobody sees it: what is raised below is the interruption itself
        progress(message)

    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            # Its thread is started for nothing: interrupted while it starts, the pool would not wait for it at the end.
            pool.submit(int).result()
            pool.submit(_build, record, texts, going_on, state).result()
        except BaseException:
            interrupted.set()  # leaving the block waits for the step that is being made
            raise


def _build(record: LabRecord, texts: FirstTextsOf, progress: Progress, state: Path) -> None:
    layout = record.layout
    began = time.monotonic()
    progress(f"network: {len(layout.namespaces)} namespaces, {len(layout.schools)} schools")
    kernel_settings.apply_machine_settings(record.settings)
    _SSHD_FOLDER.mkdir(exist_ok=True)
    ssh_user.create_ssh_user(layout.user, state)
    virtual_cores.create_enable_secret(state)
    namespaces.create_network(layout)
    progress(f"applications: {len(layout.listeners)} HTTP services")
    if layout.perimeter:
        check_deployed_addresses(layout.perimeter)
        IapFiles(state).create()
    background_programs.start_programs(state, list_outside_programs(layout))
    progress(f"routers: {', '.join(frr_configuration.list_outside_routers(layout))}")
    _build_routers(layout, state)
    _build_schools(layout, texts, progress, state)
    background_programs.start_programs(state, RESPONDERS)
    (state / paths.KNOWN_HOSTS).write_text("".join(_known_hosts(layout, state)), encoding="ascii")
    built = time.monotonic() - began
    connectivity.wait_for_connectivity(layout, state)
    families = " and ".join(f"IPv{int(family)}" for family in layout.families)
    progress(f"every host reaches the internet over {families} {time.monotonic() - began - built:.1f} s later")
    progress(f"ready in {time.monotonic() - began:.1f} s")


def _build_routers(layout: Layout, state: Path) -> None:
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        speakers = frr_configuration.list_outside_routers(layout).items()
        for done in [pool.submit(frr_routers.build_router, name, *found, state) for name, found in speakers]:
            done.result()


def _known_hosts(layout: Layout, state: Path) -> Iterator[str]:
    for school in layout.schools:
        for folder, address in (
            (paths.SwitchFiles(state, school.id).folder, school.management.address.first),
            (paths.RouterFiles(state, school.id).folder, school.router_address.first),
        ):
            yield ssh_servers.format_known_host(folder, address, layout.ssh_port)


def _build_schools(layout: Layout, texts: FirstTextsOf, progress: Progress, state: Path) -> None:
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
    try:
        pending = {
            pool.submit(_build_school, layout, school, texts.get(school.id), state): school for school in layout.schools
        }
        for number, done in enumerate(as_completed(pending), start=1):
            done.result()
            progress(f"school {pending[done].id}: switch, router and hosts are up ({number} of {len(pending)})")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _build_school(layout: Layout, school: SchoolLayout, texts: FirstTexts | None, state: Path) -> None:
    frr_routers.build_school_router(layout, school, state)
    if texts is None:
        ovs_switches.build_switch(layout, school, state)
    else:
        virtual_cores.build_core(school, texts.startup, state)
        state_keeping.apply_router_rules(school, texts.router_rules)
    if not wait_until(lambda: answers_login(layout, school), _READY_SECONDS):
        message = f"the switch of {school.id} does not answer SSH from the controller in {_READY_SECONDS:.0f} s"
        raise LabError(message)


def answers_login(layout: Layout, school: SchoolLayout) -> bool:
    """Whether the switch's SSH server answers where the controller is, through the core, the router and the switch."""
    try:
        where = paths.CONTROLLER, school.management.address.first, layout.ssh_port
        with namespace.open_connection(*where, _ANSWER_SECONDS) as opened:
            return opened.recv(4) == b"SSH-"
    except OSError:
        return False


def list_outside_programs(layout: Layout) -> dict[str, str]:
    """The programs that stand for everything outside the schools, each with its module."""
    return {SERVICES: "controller.lab.services.applications", **(IAP_PROGRAMS if layout.perimeter else {})}


def _remove(state: Path) -> list[str]:
    record, damaged = _record_if_whole(state)
    names = namespaces.list_namespaces()
    ours = identify_namespaces(names)
    ended = end_processes([*undo_log.list_processes(state), *list_inhabitants(ours)])
    namespaces.remove_namespaces(names)
    while late := list_inhabitants(ours):  # what an ending process had still started
        ended += end_processes(late)
    removed = [f"{ended} processes"] if ended else []
    removed += [f"{len(names)} network namespaces"] if names else []
    wait_until(lambda: not ssh_user.is_user_in_the_making(), _READY_SECONDS)
    while (
        users := ssh_user.list_ssh_users()
    ):  # until none is left: one may have been in the making when we first looked
        for user in users:
            ssh_user.remove_ssh_user(user)
            removed.append(f"user {user}")
    if record is not None:
        restored = kernel_settings.restore_machine_settings(record.settings)
        removed += [f"kernel settings put back: {', '.join(restored)}"] if restored else []
        if record.made_sshd_folder and _SSHD_FOLDER.is_dir() and not any(_SSHD_FOLDER.iterdir()):
            _SSHD_FOLDER.rmdir()
    if damaged:
        removed.append("its record was damaged: kernel settings net.core.rmem_* could not be put back")
    if state.is_dir():
        shutil.rmtree(state)
        removed.append(f"files in {state}")
    return removed


def _record_if_whole(state: Path) -> tuple[LabRecord | None, bool]:
    try:
        return undo_log.read_record(state), False
    except LabError:
        return None, True

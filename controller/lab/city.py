"""Building the virtual city, finding it again, and removing it without a trace."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from controller.errors import LabError
from controller.lab.iap.deployed import check_addresses
from controller.lab.iap.files import Files
from controller.lab.network import background, kernel, login, network, reach, routers, routing, ssh_user, switches
from controller.lab.network.programs import check_requirements
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.state.planning import lay_out
from controller.lab.state.processes import end, identities, inhabitants, until
from controller.lab.state.undo_log import Record
from controller.model.city import City
from controller.platforms.transport import namespace

Progress = Callable[[str], None]

SERVICES = "services"
RESPONDERS = {"responders": "controller.lab.services.responders"}
"""What measurements talk to, in the regions."""
PROXY_PROGRAMS = {
    "proxy": "controller.lab.iap.front",
    "identity": "controller.lab.iap.identity",
    "guarded": "controller.lab.iap.application",
}
"""What a deployed cloud adds: the proxy, the identity provider, and the applications that the proxy guards."""
_SSHD_FOLDER = Path("/run/sshd")
_AT_ONCE = 12
"""Schools that are built at the same time: most of it is waiting, for routes among others."""
_READY_SECONDS = 20.0


def up(city: City, schools: int, progress: Progress, state: Path = paths.STATE, *, world: Path | None = None) -> Layout:
    """Build the virtual city with so many schools; all its switches are factory-new and let everything through.

    With a `world` that a stack was deployed to, its applications are served by the proxy, over HTTPS.

    What was built is removed again if anything fails, Ctrl-C included.

    Raises:
        LabError: the machine cannot hold it, one is up already, or a program of the machine refused.
    """
    check_requirements()
    layout = lay_out(city, schools, state, world)
    ssh_user.check(layout.user)
    try:
        state.mkdir(mode=0o755)
    except FileExistsError:
        message = f"a lab is up already, or was left half built ({state}); remove it with 'tsunagu lab down'"
        raise LabError(message) from None
    with paths.held(state, "build the lab"):
        record = Record(layout=layout, settings=kernel.machine_settings(), made_sshd_folder=not _SSHD_FOLDER.exists())
        try:
            undo_log.write(state, record)
            _build_uninterrupted(record, progress, state)
            undo_log.write(state, record.model_copy(update={"complete": True}))
        except BaseException:
            progress("it failed: removing what was built")
            _remove(state)
            raise
    return layout


def down(progress: Progress, state: Path = paths.STATE) -> bool:
    """Remove the lab, whole or half built; says each thing that it removed. Whether there was anything.

    Raises:
        LabError: another lab command is at work, or something does not go away.
    """
    check_requirements()
    removed: list[str]
    if state.is_dir():
        with paths.held(state, "remove the lab"):
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
    layout = undo_log.standing(state).layout
    switches.restart(layout, layout.school(school), state)


def _build_uninterrupted(record: Record, progress: Progress, state: Path) -> None:
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
            pool.submit(_build, record, going_on, state).result()
        except BaseException:
            interrupted.set()  # leaving the block waits for the step that is being made
            raise


def _build(record: Record, progress: Progress, state: Path) -> None:
    layout = record.layout
    began = time.monotonic()
    progress(f"network: {len(layout.namespaces)} namespaces, {len(layout.schools)} schools")
    kernel.apply_machine_settings(record.settings)
    _SSHD_FOLDER.mkdir(exist_ok=True)
    ssh_user.create(layout.user, state)
    network.create(layout)
    progress(f"applications: {len(layout.listeners)} HTTP services")
    if layout.perimeter:
        check_addresses(layout.perimeter)
        Files(state).create()
    background.start(state, programs(layout))
    progress(f"routers: {', '.join(routing.speakers(layout))}")
    _build_routers(layout, state)
    _build_schools(layout, progress, state)
    background.start(state, RESPONDERS)
    (state / paths.KNOWN_HOSTS).write_text("".join(_known_hosts(layout, state)), encoding="ascii")
    built = time.monotonic() - began
    reach.wait(layout, state)
    progress(f"every host reaches the internet over IPv4 and IPv6 {time.monotonic() - began - built:.1f} s later")
    progress(f"ready in {time.monotonic() - began:.1f} s")


def _build_routers(layout: Layout, state: Path) -> None:
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        speakers = routing.speakers(layout).items()
        for done in [pool.submit(routers.build, name, *found, state) for name, found in speakers]:
            done.result()


def _known_hosts(layout: Layout, state: Path) -> Iterator[str]:
    for school in layout.schools:
        for folder, address in (
            (paths.SwitchFiles(state, school.id).folder, school.management.address.v4),
            (paths.RouterFiles(state, school.id).folder, school.router_address.v4),
        ):
            yield login.known_host(folder, address, layout.ssh_port)


def _build_schools(layout: Layout, progress: Progress, state: Path) -> None:
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
    try:
        pending = {pool.submit(_build_school, layout, school, state): school for school in layout.schools}
        for number, done in enumerate(as_completed(pending), start=1):
            done.result()
            progress(f"school {pending[done].id}: switch, router and hosts are up ({number} of {len(pending)})")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _build_school(layout: Layout, school: SchoolLayout, state: Path) -> None:
    routers.build_school(layout, school, state)
    switches.build(layout, school, state)
    if not until(lambda: answers_login(layout, school), _READY_SECONDS):
        message = f"the switch of {school.id} does not answer SSH from the controller in {_READY_SECONDS:.0f} s"
        raise LabError(message)


def answers_login(layout: Layout, school: SchoolLayout) -> bool:
    """Whether the switch's SSH server answers where the controller is, through the core, the router and the switch."""
    try:
        with namespace.open_connection(paths.CONTROLLER, school.management.address.v4, layout.ssh_port, 2.0) as opened:
            return opened.recv(4) == b"SSH-"
    except OSError:
        return False


def programs(layout: Layout) -> dict[str, str]:
    """The programs that stand for everything outside the schools, each with its module."""
    return {SERVICES: "controller.lab.services.services", **(PROXY_PROGRAMS if layout.perimeter else {})}


def _remove(state: Path) -> list[str]:
    record, damaged = _record_if_whole(state)
    names = network.present()
    ours = identities(names)
    ended = end([*undo_log.processes(state), *inhabitants(ours)])
    network.remove(names)
    while late := inhabitants(ours):  # what an ending process had still started
        ended += end(late)
    removed = [f"{ended} processes"] if ended else []
    removed += [f"{len(names)} network namespaces"] if names else []
    while users := ssh_user.made():  # until none is left: one may have been in the making when we first looked
        for user in users:
            ssh_user.remove(user)
            removed.append(f"user {user}")
    if record is not None:
        restored = kernel.restore_machine_settings(record.settings)
        removed += [f"kernel settings put back: {', '.join(restored)}"] if restored else []
        if record.made_sshd_folder and _SSHD_FOLDER.is_dir() and not any(_SSHD_FOLDER.iterdir()):
            _SSHD_FOLDER.rmdir()
    if damaged:
        removed.append("its record was damaged: kernel settings net.core.rmem_* could not be put back")
    if state.is_dir():
        shutil.rmtree(state)
        removed.append(f"files in {state}")
    return removed


def _record_if_whole(state: Path) -> tuple[Record | None, bool]:
    try:
        return undo_log.read(state), False
    except LabError:
        return None, True

"""A school's switch: Open vSwitch with its own database and an SSH server, started the same way always."""

from __future__ import annotations

import shutil
from pathlib import Path

from controller.lab.network import ssh_servers, ssh_user
from controller.lab.network.programs import SCHEMA, ProgramContext, run_program
from controller.lab.state import paths as lab_paths
from controller.lab.state import undo_log
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.state.processes import is_alive, kill_process
from controller.platforms.ovs.driver import OpenVSwitch

BRIDGE = "br0"
DATABASE, SWITCH, LOGIN = "ovsdb-server", "ovs-vswitchd", "sshd"
PROGRAMS = (DATABASE, SWITCH, LOGIN)

_SETTINGS = ("userspace-tso-enable=true", "n-handler-threads=1", "n-revalidator-threads=1")
_FACTORY_FLOW = "priority=0,actions=NORMAL"
_GROUP_MAY_USE = 0o007
"""The umask of Open vSwitch: the group of the switch's user may use its sockets, others not."""


def build_switch(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """Make a factory-new switch and start it: VLANs on its ports, one flow that lets everything through, boot file.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    paths = lab_paths.SwitchFiles(state, school.id)
    _make_folders(paths, layout.user)
    inside = ProgramContext(school.switch, umask=_GROUP_MAY_USE)
    run_program(("ovsdb-tool", "create", str(paths.runtime / "conf.db"), str(SCHEMA)), around=inside)
    start_database(school, state)
    settings = (f"other_config:{setting}" for setting in _SETTINGS)
    run_program(
        ("ovs-vsctl", f"--db={paths.database}", "--no-wait", "init", "--", "set", "Open_vSwitch", ".", *settings),
        around=inside,
    )
    start_switch(school, state)
    run_program(("ovs-vsctl", f"--db={paths.database}", "-t", "20", *_ports(school)), around=inside)
    run_ovs_ofctl(school, state, "add-flow", BRIDGE, _FACTORY_FLOW)
    run_switch_script(layout, school, state, "save")
    start_switch_ssh(layout, school, state)


def restart_switch(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """End the switch's forwarding at once and start it again, as a power cut would. It loads its boot file.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    for name, start in ((DATABASE, start_database), (SWITCH, start_switch)):
        running = undo_log.list_current_processes(state).get((school.id, name))
        if running is not None and name == SWITCH:
            kill_process(running)
        if running is None or not is_alive(running):
            start(school, state)
    run_switch_script(layout, school, state, "load")
    server = undo_log.list_current_processes(state).get((school.id, LOGIN))
    if server is None or not is_alive(server):
        start_switch_ssh(layout, school, state)


def run_ovs_ofctl(school: SchoolLayout, state: Path, *words: str) -> str:
    """Run `ovs-ofctl` on a switch through the lab's own socket, past SSH and every filter.

    Raises:
        LabError: it refused; with its words.
    """
    around = ProgramContext(school.switch, lab_paths.SwitchFiles(state, school.id).environment)
    return run_program(("ovs-ofctl", "-O", "OpenFlow14", "-t", "10", *words), around=around)


def run_switch_script(layout: Layout, school: SchoolLayout, state: Path, verb: str) -> str:
    """Run the program that the controller's logins run, as the same user, from the switch's own side.

    Raises:
        LabError: it failed; with its words.
    """
    program = ssh_servers.install_agent(lab_paths.SwitchFiles(state, school.id).folder, OpenVSwitch().build_program())
    return run_program(
        (str(program), verb),
        around=ProgramContext(
            school.switch, lab_paths.SwitchFiles(state, school.id).environment, ssh_user.find_ssh_user(layout.user)
        ),
        timeout=60.0,
    )


def start_database(school: SchoolLayout, state: Path) -> None:
    """Start the switch's database, and remember the process."""
    paths = lab_paths.SwitchFiles(state, school.id)
    words = (DATABASE, str(paths.runtime / "conf.db"), f"--remote=p{paths.database}")
    _start(school, state, (*words, *_daemon(paths, DATABASE)))


def start_switch(school: SchoolLayout, state: Path) -> None:
    """Start the switch's forwarding, and remember the process. Its flows are gone, and with them every way through."""
    paths = lab_paths.SwitchFiles(state, school.id)
    _start(school, state, (SWITCH, paths.database, *_daemon(paths, SWITCH)))


def start_switch_ssh(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """Start the switch's SSH server, and remember the process."""
    paths = lab_paths.SwitchFiles(state, school.id)
    server = ssh_servers.SshServer(
        school=school.id,
        program=LOGIN,
        hostname=school.device,
        namespace=school.switch,
        folder=paths.folder,
        address=school.management.address,
        environment=paths.environment,
        agent=OpenVSwitch().build_program(),
    )
    ssh_servers.start_ssh_server(layout, server, state)


def _start(school: SchoolLayout, state: Path, words: tuple[str, ...]) -> None:
    paths = lab_paths.SwitchFiles(state, school.id)
    run_program(words, around=ProgramContext(school.switch, paths.environment, umask=_GROUP_MAY_USE))
    ssh_servers.record_process(school.id, state, words[0], paths.runtime / f"{words[0]}.pid")


def _daemon(paths: lab_paths.SwitchFiles, name: str) -> tuple[str, ...]:
    return (
        f"--pidfile={paths.runtime / name}.pid",
        f"--log-file={paths.runtime / name}.log",
        f"--unixctl={paths.runtime / name}.ctl",
        "--detach",
        "--no-chdir",
        "-vconsole:off",
        "-vsyslog:off",
    )


def _make_folders(paths: lab_paths.SwitchFiles, user: str) -> None:
    group = ssh_user.find_ssh_user(user).group
    paths.folder.mkdir(parents=True)
    paths.runtime.mkdir()
    paths.own.mkdir()
    shutil.chown(paths.runtime, "root", group)
    paths.runtime.chmod(0o2750)  # sockets made here belong to the group
    shutil.chown(paths.own, user, group)
    paths.own.chmod(0o750)


def _ports(school: SchoolLayout) -> tuple[str, ...]:
    words = ["add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev", "fail_mode=secure"]
    for port in school.ports:
        words += ["--", "add-port", BRIDGE, port.name, f"tag={port.vlan}"]
    return tuple(words)

"""FRR routers: zebra, bgpd, bfdd and staticd in a router's namespace, and for a school's also an SSH server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.lab.network import ssh_servers, ssh_user
from controller.lab.network.frr_configuration import BgpSpeaker, describe_school_router, render_frr_configuration
from controller.lab.network.programs import FRR, ProgramContext, run_program
from controller.lab.state import paths as lab_paths
from controller.lab.state.layout import Layout, SchoolLayout
from controller.platforms.frr.driver import Frr

ZEBRA, STATIC, BGP, BFD = "zebra", "staticd", "bgpd", "bfdd"
DAEMONS = (ZEBRA, STATIC, BGP, BFD)
LOGIN = "router-sshd"
PROGRAMS = (*DAEMONS, LOGIN)
"""What runs for a school's router; outside the schools there is no SSH server."""

_OWNER, _GROUP = "frr", "frrvty"
_NICENESS, _REAL_TIME = -10, 10
"""A machine that is busy must not look like a line that is dead: BFD counts tenths of a second, so FRR goes first."""


def build_router(name: str, namespace: str, speaker: BgpSpeaker, state: Path) -> None:
    """Make a router with its first configuration, and start it. `name` is a school's id, or a router's own.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    paths = lab_paths.RouterFiles(state, name)
    paths.folder.mkdir(parents=True)
    paths.frr.mkdir()
    paths.configuration.write_text(render_frr_configuration(speaker), encoding="ascii")
    (paths.frr / "vtysh.conf").write_text("service integrated-vtysh-config\n", encoding="ascii")
    for path in (paths.frr, *paths.frr.iterdir()):
        shutil.chown(path, _OWNER, _GROUP)
    paths.frr.chmod(0o2770)  # what is written in it belongs to the group
    start_router(name, speaker.hostname, namespace, state)


def start_router(name: str, hostname: str, namespace: str, state: Path) -> None:
    """Start a router's daemons; it comes up with what its configuration file says.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    paths = lab_paths.RouterFiles(state, name)
    script = [f"hostname {hostname}", "mount -t tmpfs tmpfs /var/tmp"]
    script += [_started(paths, daemon) for daemon in DAEMONS]
    script += [" ".join((*paths.shell, "--boot"))]
    run_program(("unshare", "--uts", "sh", "-c", " && ".join(script)), around=ProgramContext(namespace))
    for daemon in DAEMONS:
        ssh_servers.record_process(name, state, daemon, paths.frr / f"{daemon}.pid")


def _started(paths: lab_paths.RouterFiles, daemon: str) -> str:
    words = " ".join(_daemon(paths, daemon))
    ahead = f"nice -n {_NICENESS} {words}"
    # BFD sends and counts a few packets; in real time, where the machine allows that, it never waits for a processor.
    return f"{{ chrt --rr {_REAL_TIME} {words} || {ahead}; }}" if daemon == BFD else ahead


def _daemon(paths: lab_paths.RouterFiles, daemon: str) -> Iterator[str]:
    """The words that start a daemon. Its files are all in the router's folder.

    What FRR keeps in /var/tmp besides would stay when a daemon is killed: there it gets a folder that goes with it.
    """
    yield from (str(FRR / daemon), "--daemon", "--vty_port", "0")
    yield from ("--vty_socket", str(paths.frr), "--socket", str(paths.frr / "zserv.api"))
    yield from ("--pid_file", str(paths.frr / f"{daemon}.pid"), "--log", f"file:{paths.frr / daemon}.log")
    if daemon == BFD:
        yield from ("--bfdctl", str(paths.frr / "bfdd.sock"))


def build_school_router(layout: Layout, one: SchoolLayout, state: Path) -> None:
    """Make a school's router, factory-new, with its SSH server.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    build_router(one.id, one.router, describe_school_router(layout, one), state)
    own = lab_paths.RouterFiles(state, one.id).own
    own.mkdir()
    shutil.chown(own, layout.user, ssh_user.find_ssh_user(layout.user).group)
    own.chmod(0o750)
    start_router_ssh(layout, one, state)


def start_router_ssh(layout: Layout, one: SchoolLayout, state: Path) -> None:
    """Start the SSH server of a school's router."""
    paths = lab_paths.RouterFiles(state, one.id)
    server = ssh_servers.SshServer(
        school=one.id,
        program=LOGIN,
        hostname=one.router_device,
        namespace=one.router,
        folder=paths.folder,
        address=one.router_address,
        environment=paths.environment,
        agent=Frr().build_program(),
    )
    ssh_servers.start_ssh_server(layout, server, state)


def ask_router(name: str, namespace: str, state: Path, command: str) -> str:
    """What a router answers to a command of its shell.

    Raises:
        LabError: it refused; with its words.
    """
    return run_program((*lab_paths.RouterFiles(state, name).shell, "-c", command), around=ProgramContext(namespace))


def ask_router_json(name: str, namespace: str, state: Path, command: str) -> Any:  # noqa: ANN401 whatever FRR says
    """What a router answers to a command that speaks JSON.

    Raises:
        LabError: it refused; with its words.
    """
    return json.loads(ask_router(name, namespace, state, command))

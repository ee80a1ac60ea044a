"""A school's switch: Open vSwitch with its own database and an SSH server, started the same way always."""

from __future__ import annotations

import shutil
from pathlib import Path

from controller.errors import LabError
from controller.lab import account, journal, place
from controller.lab.layout import Layout, SchoolLayout
from controller.lab.processes import Process, alive, describe, kill, until
from controller.lab.programs import SCHEMA, Around, run
from controller.platforms.ovs import OpenVSwitch

BRIDGE = "br0"
DATABASE, SWITCH, LOGIN = "ovsdb-server", "ovs-vswitchd", "sshd"
PROGRAMS = (DATABASE, SWITCH, LOGIN)

_SETTINGS = ("userspace-tso-enable=true", "n-handler-threads=1", "n-revalidator-threads=1")
_FACTORY_FLOW = "priority=0,actions=NORMAL"
_GROUP_MAY_USE = 0o007
"""The umask of Open vSwitch: the group of the switch's user may use its sockets, others not."""
_START_SECONDS = 15.0
_CONFIGURATION = """\
Port {port}
ListenAddress {v4}
ListenAddress {v6}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {authorized_keys}
AllowUsers {user}
PermitRootLogin no
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
X11Forwarding no
AllowTcpForwarding no
AllowAgentForwarding no
PermitUserRC no
MaxStartups 64
MaxSessions 32
SetEnv {environment}
"""


def build(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """Make a factory-new switch and start it: VLANs on its ports, one flow that lets everything through, boot file.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    paths = place.SwitchFiles(state, school.id)
    _make_folders(paths, layout.user)
    inside = Around(school.switch, umask=_GROUP_MAY_USE)
    run(("ovsdb-tool", "create", str(paths.runtime / "conf.db"), str(SCHEMA)), around=inside)
    start_database(school, state)
    settings = (f"other_config:{setting}" for setting in _SETTINGS)
    run(
        ("ovs-vsctl", f"--db={paths.database}", "--no-wait", "init", "--", "set", "Open_vSwitch", ".", *settings),
        around=inside,
    )
    start_switch(school, state)
    run(("ovs-vsctl", f"--db={paths.database}", "-t", "20", *_ports(school)), around=inside)
    flows(school, state, "add-flow", BRIDGE, _FACTORY_FLOW)
    agent(layout, school, state, "save")
    account.new_key(paths.folder / "host_key", school.device)
    start_login(layout, school, state)


def restart(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """End the switch's forwarding at once and start it again, as a power cut would. It loads its boot file.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    for name, start in ((DATABASE, start_database), (SWITCH, start_switch)):
        running = journal.current(state).get((school.id, name))
        if running is not None and name == SWITCH:
            kill(running)
        if running is None or not alive(running):
            start(school, state)
    agent(layout, school, state, "load")
    login = journal.current(state).get((school.id, LOGIN))
    if login is None or not alive(login):
        start_login(layout, school, state)


def flows(school: SchoolLayout, state: Path, *words: str) -> str:
    """Run `ovs-ofctl` on a switch through the lab's own socket, past SSH and every filter.

    Raises:
        LabError: it refused; with its words.
    """
    around = Around(school.switch, place.SwitchFiles(state, school.id).environment)
    return run(("ovs-ofctl", "-O", "OpenFlow14", "-t", "10", *words), around=around)


def agent(layout: Layout, school: SchoolLayout, state: Path, verb: str) -> str:
    """Run the script that the controller runs over SSH, as the same user, from the switch's own side.

    Raises:
        LabError: it failed; with its words.
    """
    return run(
        ("sh", "-s", "--", verb),
        text=OpenVSwitch().program(),
        around=Around(school.switch, place.SwitchFiles(state, school.id).environment, account.account(layout.user)),
        timeout=60.0,
    )


def host_key(school: SchoolLayout, state: Path, port: int) -> str:
    """The switch's lines of a known_hosts file."""
    words = (place.SwitchFiles(state, school.id).folder / "host_key.pub").read_text(encoding="ascii").split()
    address = school.management.address.v4
    name = address if port == 22 else f"[{address}]:{port}"  # noqa: PLR2004 the usual port is not written
    return f"{name} {words[0]} {words[1]}\n"


def start_database(school: SchoolLayout, state: Path) -> None:
    """Start the switch's database, and remember the process."""
    paths = place.SwitchFiles(state, school.id)
    words = (DATABASE, str(paths.runtime / "conf.db"), f"--remote=p{paths.database}")
    _start(school, state, (*words, *_daemon(paths, DATABASE)))


def start_switch(school: SchoolLayout, state: Path) -> None:
    """Start the switch's forwarding, and remember the process. Its flows are gone, and with them every way through."""
    paths = place.SwitchFiles(state, school.id)
    _start(school, state, (SWITCH, paths.database, *_daemon(paths, SWITCH)))


def start_login(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """Start the switch's SSH server, and remember the process."""
    paths = place.SwitchFiles(state, school.id)
    configuration = paths.folder / "sshd_config"
    address = school.management.address
    configuration.write_text(
        _CONFIGURATION.format(
            port=layout.ssh_port,
            v4=address.v4,
            v6=address.v6,
            folder=paths.folder,
            authorized_keys=state / account.AUTHORIZED_KEYS,
            user=layout.user,
            environment=" ".join(f"{name}={value}" for name, value in paths.environment.items()),
        ),
        encoding="utf-8",
    )
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd"  # it demands to be called by its full path
    log = str(paths.folder / "sshd.log")
    naming = f"hostname {school.device} && exec {sshd} -f {configuration} -E {log}"
    pidfile = paths.folder / "sshd.pid"
    pidfile.unlink(missing_ok=True)
    run(("unshare", "--uts", "sh", "-c", naming), around=Around(namespace=school.switch))
    _remember(school, state, LOGIN, pidfile)


def _start(school: SchoolLayout, state: Path, words: tuple[str, ...]) -> None:
    paths = place.SwitchFiles(state, school.id)
    run(words, around=Around(school.switch, paths.environment, umask=_GROUP_MAY_USE))
    _remember(school, state, words[0], paths.runtime / f"{words[0]}.pid")


def _daemon(paths: place.SwitchFiles, name: str) -> tuple[str, ...]:
    return (
        f"--pidfile={paths.runtime / name}.pid",
        f"--log-file={paths.runtime / name}.log",
        f"--unixctl={paths.runtime / name}.ctl",
        "--detach",
        "--no-chdir",
        "-vconsole:off",
        "-vsyslog:off",
    )


def _remember(school: SchoolLayout, state: Path, name: str, pidfile: Path) -> Process:
    def written() -> bool:
        return pidfile.exists() and pidfile.read_text(encoding="ascii").strip().isdigit()

    if not until(written, _START_SECONDS):
        message = f"{name} of {school.id} did not start in {_START_SECONDS:.0f} s; see the logs beside {pidfile}"
        raise LabError(message)
    process = describe(name, school.id, int(pidfile.read_text(encoding="ascii")))
    journal.add_process(state, process)
    return process


def _make_folders(paths: place.SwitchFiles, user: str) -> None:
    group = account.account(user).group
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

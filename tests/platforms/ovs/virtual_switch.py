"""A real Open vSwitch in a network namespace of its own, and a session that runs commands in it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.errors import CommandFailed
from controller.lab.state.processes import is_alive, signal_process
from controller.platforms.base import Command
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.ovs.driver import OpenVSwitch
from tests.started_processes import find_daemon

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
VERBS = (
    "read",
    "learnt",
    "saved",
    "armed",
    "restored",
    "lock",
    "unlock",
    "arm",
    "push",
    "cancel",
    "save",
    "unconfirmed",
    "repair",
)
FACTORY_FLOW = "priority=0,actions=NORMAL"


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for a condition, and fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.02)


def run(*words: str, stdin: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def force(program: Path, system: OwnRestore, command: Command) -> tuple[str, ...]:
    """What sshd runs for a command; without a verb it is one that a test gives to the device's own shell."""
    if command.line.split(" ")[0] not in VERBS:
        return ("sh", "-c", command.line)
    if not program.exists():
        program.write_text(system.build_program(), encoding="utf-8")
    return ("sh", str(program), "forced", "change")


@dataclass(frozen=True)
class VirtualSwitch:
    """A `controller.platforms.base.Session` with a real switch; its files are in `folder`."""

    device: str
    namespace: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"TSUNAGU_SWITCH": str(self.folder / "switch"), "TSUNAGU_CONTROL": str(self.folder / "vswitchd.ctl")}
        return {**os.environ, "OVS_RUNDIR": str(self.folder), **own}

    def run(self, command: Command) -> DeviceText:
        """Run a command as sshd would: a verb by the switch's program, forced; a step of a plan as it is."""
        words = ("ip", "netns", "exec", self.namespace, *force(self.folder / "agent", OpenVSwitch(), command))
        done = subprocess.run(
            words,
            input=command.stdin or "",
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | {"SSH_ORIGINAL_COMMAND": command.line},
            timeout=60,
        )
        if done.returncode:
            raise CommandFailed(self.device, f"exit status {done.returncode}: {done.stderr}", command=command.line)
        return DeviceText(done.stdout)

    def sh(self, line: str, stdin: str | None = None) -> str:
        """Run a line of shell."""
        return self.run(Command(line, stdin)).reveal()

    def start(self) -> None:
        """Start vswitchd; after a stop its flows are lost while the ports stay, as on a real restart."""
        self.sh(
            f"ovs-vswitchd unix:{self.folder}/db.sock --pidfile={self.folder}/vswitchd.pid "
            f"--log-file={self.folder}/vswitchd.log --unixctl={self.folder}/vswitchd.ctl "
            "--detach --no-chdir -vconsole:off -vsyslog:off 2>&1"
        )

    def stop(self, name: str = "vswitchd") -> None:
        """Stop one of the two processes."""
        running = find_daemon(self.folder / f"{name}.pid")
        assert running is not None, f"{name} does not run"
        signal_process(running, signal.SIGTERM)
        wait_until(lambda: not is_alive(running), f"the end of {name}")

    def reset(self, *ports: str) -> None:
        """The factory flow, the ports without tags, and an empty folder of the switch's own."""
        self.sh("rm -rf $TSUNAGU_SWITCH")
        self.sh("ovs-vsctl set Bridge br0 fail_mode=secure")
        for port in ports:
            self.sh(f"ovs-vsctl --may-exist add-port br0 {port} -- set Port {port} tag=[] vlan_mode=[] trunks=[]")
        self.sh(f"echo {FACTORY_FLOW} | ovs-ofctl -O OpenFlow14 --bundle replace-flows br0 -")


@contextmanager
def virtual_switch(*ports: str) -> Iterator[VirtualSwitch]:
    """A switch with these ports; the other end of each is a device `PORT-p` in the same namespace."""
    with ExitStack() as stack:
        # Not pytest's own folder: the path of a Unix socket must stay under 108 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tsunagu-")))
        namespace = folder.name
        run("ip", "netns", "add", namespace)
        stack.callback(run, "ip", "netns", "del", namespace)
        made = VirtualSwitch("virtual", namespace, folder)
        lines = "".join(f"link add name {p} type veth peer name {p}-p\nlink set {p} up\n" for p in ports)
        run("ip", "-n", namespace, "-batch", "-", stdin=f"link set lo up\n{lines}")
        run("ovsdb-tool", "create", f"{folder}/conf.db", SCHEMA)
        made.sh(
            f"ovsdb-server {folder}/conf.db --remote=punix:{folder}/db.sock --pidfile={folder}/ovsdb.pid "
            f"--log-file={folder}/ovsdb.log --unixctl={folder}/ovsdb.ctl "
            "--detach --no-chdir -vconsole:off -vsyslog:off 2>&1"
        )
        stack.callback(made.stop, "ovsdb")
        made.sh(
            "ovs-vsctl --no-wait -- init -- set Open_vSwitch . other_config:userspace-tso-enable=true "
            "other_config:n-handler-threads=1 other_config:n-revalidator-threads=1"
        )
        made.start()
        stack.callback(made.stop)
        made.sh("ovs-vsctl -t 10 -- add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=secure")
        made.reset(*ports)
        yield made

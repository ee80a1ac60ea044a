"""Running the machine's own programs, and what of them the lab needs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import LabError

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""System programs are looked for here; a login's own PATH may lack the sbin folders."""

_PACKAGES = {
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "iperf3": "iperf3",
    "vtysh": "frr",
    "ovs-vswitchd": "openvswitch-switch",
    "ovsdb-server": "openvswitch-switch",
    "ovsdb-tool": "openvswitch-switch",
    "ovs-vsctl": "openvswitch-switch",
    "ovs-ofctl": "openvswitch-switch",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "useradd": "passwd",
    "userdel": "passwd",
    "chpasswd": "passwd",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
    "chrt": "util-linux",
    "nice": "coreutils",
}
"""Every program that the lab runs, and the Debian package it comes from."""

FRR = Path("/usr/lib/frr")
"""Debian's folder of FRR's daemons."""


@dataclass(frozen=True, slots=True)
class SystemUser:
    """The user and group that a program runs as."""

    user: str
    group: str


@dataclass(frozen=True, slots=True)
class ProgramContext:
    """What a program finds around it. Without an account it runs as root; `umask` -1 leaves the lab's own.

    What may wait for something belongs into a namespace of ours: there `down` finds it, should `up` be killed.
    """

    namespace: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    account: SystemUser | None = None
    umask: int = -1

    @property
    def words(self) -> tuple[str, ...]:
        """The words before the program's own."""
        words: tuple[str, ...] = ("ip", "netns", "exec", self.namespace) if self.namespace else ()
        if self.account:
            words += ("setpriv", f"--reuid={self.account.user}", f"--regid={self.account.group}", "--clear-groups")
        return words


_PLAIN = ProgramContext()


def run_program(words: Sequence[str], *, text: str = "", around: ProgramContext = _PLAIN, timeout: float = 30.0) -> str:
    """Run a program to its end and give what it printed. `text` is its input, `timeout` in seconds.

    Raises:
        LabError: it could not be started, failed, or took too long; with what it said.
    """
    try:
        done = subprocess.run(  # noqa: S603 every word is ours or from a checked policy
            (*around.words, *words),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **around.environment},
            timeout=timeout,
            umask=around.umask,
            process_group=0,  # a Ctrl-C at the terminal is for us: half of a `useradd` would be worse than all of it
        )
    except subprocess.TimeoutExpired:
        message = f"{' '.join(words)}: no answer in {timeout:.0f} s"
        raise LabError(message) from None
    except OSError as error:
        message = f"{words[0]} cannot be run: {error.strerror or error}"
        raise LabError(message) from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[:2000]
        message = f"{' '.join(words)} failed with exit code {done.returncode}: {said}"
        raise LabError(message)
    return done.stdout


def check_requirements() -> None:
    """See that this machine can hold the lab, before anything is touched.

    Raises:
        LabError: everything that is missing, and how to get it.
    """
    missing: list[str] = []
    if platform.system() != "Linux":
        missing.append(f"Linux (this is {platform.system()}): the lab is made of Linux network namespaces")
    elif os.geteuid() != 0:
        missing.append("root: run it as root, for example with sudo")
    absent = sorted(name for name in _PACKAGES if shutil.which(name, path=PATH) is None)
    if not SCHEMA.exists():
        absent.append(str(SCHEMA))
    if absent:
        packages = sorted({_PACKAGES.get(name, "openvswitch-common") for name in absent})
        missing.append(f"{', '.join(absent)}: apt-get install {' '.join(packages)}")
    if missing:
        raise LabError("the virtual city cannot be built here; missing:\n" + "\n".join(f"  {one}" for one in missing))

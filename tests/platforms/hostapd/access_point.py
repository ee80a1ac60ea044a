"""An access point in a folder: the program that is installed there, for real; hostapd and its service as stand-ins."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import CommandFailed
from controller.lab.state.processes import signal_process
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.hostapd.driver import Hostapd
from tests.emulators.hostapd import HEAD
from tests.platforms.ovs.virtual_switch import wait_until
from tests.started_processes import find_daemon, find_restore_jobs, kill_restore_jobs

SECRET = 'x&y"\\z'  # noqa: S105 nobody's
"""Characters that a careless script would trip over."""
SERVICE = """\
#!/bin/sh
[ "$*" = 'restart hostapd' ] || exit 1
echo >>"{folder}/restarts"
rm -f "{folder}/status" "{folder}/pid"
sh "{folder}/agent" load >>"{folder}/loads" 2>&1 || exit 1
[ ! -e "{folder}/broken" ] || exit 1
{{
    echo state=ENABLED
    number=0
    sed -n 's/[\\\\"]/\\\\&/g;s/^interface=/bss=/;/^bss=/p;/^ssid=/p' "{folder}/hostapd/hostapd.conf" |
    while IFS= read -r line; do
        printf '%s[%s]=%s\\n' "${{line%%=*}}" "$number" "${{line#*=}}"
        case $line in ssid=*) number=$((number + 1)) ;; esac
    done
}} >"{folder}/status"
echo self >"{folder}/pid"
"""
"""Stands for systemd and hostapd: `load` first, then it serves what the file says; with `broken` it does not start.

Its PID file names no process that anybody could end: `/proc/self` is there for whoever looks."""
REAL_SERVICE = """\
#!/bin/sh
[ "$*" = 'restart hostapd' ] || exit 1
echo >>"{folder}/restarts"
read -r pid 2>/dev/null <"{folder}/pid" || pid=none
if grep -qszxF -e "{folder}/pid" "/proc/$pid/cmdline"; then
    kill "$pid"
    while [ -e "{folder}/pid" ]; do sleep 0.05; done
fi
sh "{folder}/agent" load >>"{folder}/loads" 2>&1 || exit 1
hostapd -B -P "{folder}/pid" "{folder}/hostapd/hostapd.conf" >>"{folder}/log" 2>&1
"""
"""The same with hostapd itself."""
ASKED = '#!/bin/sh\n[ "$*" = "-p /run/hostapd -i wlan0 status" ] && cat "{folder}/status"\n'


class ShellAccessPoint:
    """A `controller.platforms.base.Session` with the installed program; its files are in `folder`."""

    device = "ap1"

    def __init__(self, folder: Path, head: str = HEAD, *, real: bool = False) -> None:
        self.folder = folder
        self.main = folder / "hostapd" / "hostapd.conf"
        self.secret = folder / "hostapd" / "tsn.secret"
        self.home = folder / "home"
        tools = folder / "bin"
        tools.mkdir()
        self.main.parent.mkdir()
        stand_ins = {"systemctl": REAL_SERVICE} if real else {"systemctl": SERVICE, "hostapd_cli": ASKED}
        for name, text in stand_ins.items():
            (tools / name).write_text(text.format(folder=folder), encoding="utf-8")
            (tools / name).chmod(0o755)
        self.main.write_text(head, encoding="utf-8")
        self.secret.write_text(f"{SECRET}\n", encoding="utf-8")
        program = Hostapd().build_program()
        assert program.count("PATH=/usr/local/sbin:") == 1
        program = program.replace("PATH=/usr/local/sbin:", f"PATH={tools}:/usr/local/sbin:")
        (folder / "agent").write_text(program, encoding="utf-8")
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "TSUNAGU_ACCESS_POINT": str(self.home),
            "TSUNAGU_HOSTAPD": str(self.main.parent),
            "TSUNAGU_HOSTAPD_PID": str(folder / "pid"),
        }
        self.restart()

    def restart(self) -> None:
        """Restart hostapd, as its administrator or a start of the machine does."""
        subprocess.run([self.folder / "bin" / "systemctl", "restart", "hostapd"], env=self.environment, check=False)

    def run(self, command: Command) -> DeviceText:
        """Run a command as sshd would: by the installed program, forced."""
        done = subprocess.run(
            ["sh", str(self.folder / "agent"), "forced", "change"],
            input=command.stdin or "",
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | {"SSH_ORIGINAL_COMMAND": command.line},
            timeout=60,
        )
        if done.returncode:
            raise CommandFailed(self.device, done.stderr.strip(), command=command.line)
        return DeviceText(done.stdout)

    def end_hostapd(self) -> None:
        """End the real hostapd, and what waits."""
        self.end_jobs()
        running = find_daemon(self.folder / "pid")
        if running is not None and signal_process(running, signal.SIGTERM):
            wait_until(lambda: not (self.folder / "pid").exists(), "the end of hostapd")

    def fire(self, run: str) -> None:
        """Let a restore fire that is due, as its job does."""
        subprocess.run(["sh", str(self.folder / "agent"), "fire", run], env=self.environment, check=True)

    @property
    def restarts(self) -> int:
        """How often hostapd was restarted."""
        return (self.folder / "restarts").read_text(encoding="utf-8").count("\n")

    def cut_power(self) -> None:
        """End what waits on the access point, and let its machine start anew: hostapd, too."""
        self.end_jobs()
        self.restart()

    def end_jobs(self) -> None:
        """End what waits on the access point."""
        kill_restore_jobs(find_restore_jobs(self.home))


class LocalTransport:
    """A way to reach one access point: by these sessions, and by the last of them from then on."""

    def __init__(self, *sessions: Session) -> None:
        self.sessions = list(sessions)

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        """Give the next session."""
        del device, device_type, changing
        yield self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0]

"""Set-up leaves no service that starts now or at the next boot: exactly what was not there before is disabled again.

The script itself runs, in a root folder of the test's own; on PATH stand programs that do to that folder what apt-get,
systemctl and update-rc.d do to a machine.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.lab.state.processes import LabProcess, describe_process, kill_process
from tests.started_processes import find_processes, signal_group

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "setup_services.sh"
FOREIGN = "#!/bin/sh\n# the machine's own\nexit 0\n"
PATIENCE = 60.0

APT = r"""#!/bin/bash
echo "apt-get $*" >>"$TSUNAGU_SETUP_ROOT/calls"
[ "$1" = install ] || exit 0
cp "$TSUNAGU_SETUP_ROOT/usr/sbin/policy-rc.d" "$TSUNAGU_SETUP_ROOT/policy-seen" 2>/dev/null
while read -r link target; do
    mkdir -p "$TSUNAGU_SETUP_ROOT/etc/${link%/*}"
    ln -sf "$target" "$TSUNAGU_SETUP_ROOT/etc/$link"
done <"$TSUNAGU_SETUP_ROOT/brings"
if [ -p "$TSUNAGU_SETUP_ROOT/gate" ]; then
    echo "$$" >"$TSUNAGU_SETUP_ROOT/apt.pid"
    read -r _ <"$TSUNAGU_SETUP_ROOT/gate"
fi
echo "E: what apt says"
exit "$(cat "$TSUNAGU_SETUP_ROOT/apt-code" 2>/dev/null || echo 0)"
"""
SYSTEMCTL = r"""#!/bin/bash
echo "systemctl $*" >>"$TSUNAGU_SETUP_ROOT/calls"
scope=system
if [ "$1" = --global ]; then scope=user; shift; fi
case $1 in
disable)
    if grep -qxsF "$2" "$TSUNAGU_SETUP_ROOT/stubborn"; then echo "Failed to disable unit $2" >&2; exit 1; fi
    find "$TSUNAGU_SETUP_ROOT/etc/systemd/$scope" -mindepth 2 -type l -name "$2" -delete
    find "$TSUNAGU_SETUP_ROOT/etc/systemd/$scope" -maxdepth 1 -type l -lname "*/$2" -delete
    ;;
is-active) grep -qxsF "$3" "$TSUNAGU_SETUP_ROOT/active" ;;
esac
"""
UPDATE_RC = r"""#!/bin/bash
echo "update-rc.d $*" >>"$TSUNAGU_SETUP_ROOT/calls"
find "$TSUNAGU_SETUP_ROOT"/etc/rc*.d -name "S[0-9][0-9]$1" -delete
"""
LIB = "/lib/systemd/system"
SHIPPED = (
    f"systemd/system/multi-user.target.wants/ssh.service {LIB}/ssh.service",
    f"systemd/system/sshd.service {LIB}/ssh.service",
    f"systemd/system/multi-user.target.wants/prometheus.service {LIB}/prometheus.service",
    f"systemd/system/multi-user.target.wants/prometheus-alertmanager.service {LIB}/prometheus-alertmanager.service",
    f"systemd/system/multi-user.target.wants/frr.service {LIB}/frr.service",
    f"systemd/system/multi-user.target.wants/hostapd.service {LIB}/hostapd.service",
    f"systemd/system/openvswitch-switch.service.requires/ovs-record-hostname.service {LIB}/ovs-record-hostname.service",
    f"systemd/system/timers.target.wants/frr-clean.timer {LIB}/frr-clean.timer",
    f"systemd/system/sockets.target.wants/agent@lab.socket {LIB}/agent@.socket",
    "systemd/user/default.target.wants/helper.service /usr/lib/systemd/user/helper.service",
    "rc2.d/S01openvswitch-switch ../init.d/openvswitch-switch",
    "rc3.d/S01openvswitch-switch ../init.d/openvswitch-switch",
)
OWN = (
    f"systemd/system/multi-user.target.wants/cron.service {LIB}/cron.service",
    f"systemd/system/timers.target.wants/backup.timer {LIB}/backup.timer",
    "systemd/system/frr-old.service /dev/null",
    "rc2.d/S02cron ../init.d/cron",
)


@dataclass(frozen=True)
class Machine:
    """A root folder, and the script at work on it."""

    root: Path
    waiting: list[LabProcess] = field(default_factory=list)
    """The apt-get that waits at the gate."""

    @property
    def policy(self) -> Path:
        return self.root / "usr/sbin/policy-rc.d"

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "TSUNAGU_SETUP_ROOT": str(self.root)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *words], env=self.environment, capture_output=True, text=True, timeout=240, check=False
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start the script in a session of its own, as a terminal does, with an apt-get that waits at a gate."""
        os.mkfifo(self.root / "gate")
        started = subprocess.Popen(
            [str(SCRIPT), *words],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda: (self.root / "apt.pid").exists() and (self.root / "apt.pid").read_text().strip() != "")
        self.waiting.append(describe_process("apt-get", "", int((self.root / "apt.pid").read_text())))
        return started

    def open_gate(self) -> None:
        """Let apt-get go on, once it waits."""
        wait_for(self._is_opened)
        (self.root / "gate").unlink()

    def _is_opened(self) -> bool:
        try:
            os.close(os.open(self.root / "gate", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def enable(self, *links: str) -> None:
        for link, target in map(str.split, links):
            path = self.root / "etc" / link
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)

    def brings(self, *links: str) -> None:
        """What the packages will enable."""
        (self.root / "brings").write_text("".join(f"{link}\n" for link in links))

    def enabled(self) -> set[str]:
        return {
            str(path.relative_to(self.root / "etc")) for path in (self.root / "etc").rglob("*") if path.is_symlink()
        }

    def calls(self, program: str) -> list[str]:
        return [line for line in (self.root / "calls").read_text().splitlines() if line.startswith(f"{program} ")]

    @property
    def is_clean(self) -> bool:
        left = {path.name for path in (self.root / "var/lib/tsunagu/set-up").iterdir()}
        return not self.policy.exists() and left <= {"lock", "apt.log"}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for name, text in (("apt-get", APT), ("systemctl", SYSTEMCTL), ("update-rc.d", UPDATE_RC)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (tmp_path / "usr/sbin").mkdir(parents=True)
    made = Machine(tmp_path)
    made.enable(*OWN)
    made.brings(*SHIPPED)
    yield made
    for one in made.waiting:
        kill_process(one)


def names(links: tuple[str, ...]) -> set[str]:
    return {link.split()[0] for link in links}


def test_what_the_packages_enabled_is_disabled_again_and_nothing_else(machine: Machine) -> None:
    done = machine.run("install", "frr", "prometheus")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.enabled() == names(OWN)
    assert machine.is_clean
    assert machine.calls("apt-get")[1] == "apt-get install -y -qq --no-install-recommends frr prometheus"
    assert "set-up: disabled what the packages had enabled: " in done.stdout
    told = done.stdout.partition("enabled: ")[2].split()
    assert {"ssh.service", "helper.service", "openvswitch-switch", "agent@lab.socket"} <= set(told)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_enabled_before_stays_enabled(machine: Machine, seed: int) -> None:
    """Any part of what the packages bring stood there already, as an operator wants it."""
    draw = random.Random(seed)  # noqa: S311 a seeded test
    kept = tuple(draw.sample(SHIPPED, draw.randint(1, len(SHIPPED) - 1)))
    units = {re.sub(r"^S\d\d", "", link.split()[0].rpartition("/")[2]) for link in kept}
    alike = {"ssh.service": "sshd.service", "sshd.service": "ssh.service"}
    machine.enable(*kept)
    before = machine.enabled()
    assert machine.run("install", "x").returncode == 0
    left = machine.enabled()
    assert before <= left
    # A second link of a unit that was enabled already is no unit that was not.
    assert {link.rpartition("/")[2] for link in left - before} <= units | {alike.get(one, "") for one in units} | {
        f"S01{one}" for one in units
    }
    assert machine.is_clean


def test_no_service_may_start_while_packages_are_installed(machine: Machine) -> None:
    machine.run("install", "frr")
    seen = machine.root / "policy-seen"
    assert subprocess.run([seen], check=False).returncode == 101
    assert not machine.policy.exists()


@pytest.mark.parametrize("code", [0, 100])
@pytest.mark.parametrize("kind", ["file", "link", "dead link", "file with a like line"])
def test_a_policy_of_somebody_else_is_neither_removed_nor_overwritten(machine: Machine, code: int, kind: str) -> None:
    (machine.root / "apt-code").write_text(str(code))
    target = machine.root / "elsewhere"
    text = FOREIGN if "like" not in kind else f"{FOREIGN}# see also: # tsunagu set-up: forbids to start services\n"
    if "link" in kind:
        machine.policy.symlink_to(target)
        if kind == "link":
            target.write_text(text)
    else:
        machine.policy.write_text(text)
        machine.policy.chmod(0o755)
    assert machine.run("install", "frr").returncode == (1 if code else 0)
    assert machine.policy.is_symlink() == ("link" in kind)
    if kind == "dead link":
        assert not target.exists()
    else:
        assert machine.policy.read_text() == text
    assert machine.enabled() == names(OWN)


def test_a_service_that_their_policy_let_start_is_stopped(machine: Machine) -> None:
    machine.policy.write_text(FOREIGN)
    (machine.root / "active").write_text("frr.service\ncron.service\n")
    machine.run("install", "frr")
    assert [call for call in machine.calls("systemctl") if " stop " in call] == ["systemctl stop frr.service"]


def test_a_failed_install_is_told_and_cleaned_up(machine: Machine) -> None:
    (machine.root / "apt-code").write_text("100")
    done = machine.run("install", "frr")
    assert done.returncode == 1
    assert "E: what apt says" in done.stderr
    assert machine.enabled() == names(OWN)
    assert machine.is_clean


def test_what_cannot_be_disabled_is_named_and_tried_again(machine: Machine) -> None:
    (machine.root / "stubborn").write_text("hostapd.service\n")
    done = machine.run("install", "hostapd")
    assert done.returncode == 1
    assert "disable them by hand: hostapd.service\n" in done.stderr
    assert not machine.policy.exists()
    (machine.root / "stubborn").unlink()
    assert machine.run("finish").returncode == 0
    assert machine.enabled() == names(OWN)
    assert machine.is_clean


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("whom", ["the set-up alone", "all that the terminal reaches"])
def test_a_killed_set_up_is_cleaned_up_by_its_guard(machine: Machine, how: signal.Signals, whom: str) -> None:
    running = machine.start("install", "frr")
    assert machine.policy.exists()
    assert names(SHIPPED) <= machine.enabled()
    if whom == "the set-up alone":
        running.send_signal(how)
        if how is signal.SIGKILL:
            running.wait(PATIENCE)
            # apt-get goes on without it: services must not start yet.
            assert machine.policy.exists()
        machine.open_gate()
    else:
        signal_group(running, how)
    running.wait(PATIENCE)
    wait_for(lambda: machine.is_clean)
    assert machine.enabled() == names(OWN)


def test_what_a_killed_guard_left_is_done_by_the_next_set_up(machine: Machine) -> None:
    """As after a power cut: everything of it is gone at once."""
    running = machine.start("install", "frr")
    guards = [one for one in find_processes(str(SCRIPT), "guard") if _works_for(machine, one)]
    assert len(guards) == 1
    kill_process(guards[0])
    signal_group(running, signal.SIGKILL)
    running.wait(PATIENCE)
    (machine.root / "gate").unlink()
    assert machine.policy.exists()
    assert names(SHIPPED) <= machine.enabled()
    done = machine.run("finish")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.enabled() == names(OWN)
    assert machine.is_clean


def _works_for(machine: Machine, process: LabProcess) -> bool:
    try:
        return str(machine.root).encode() in Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return False


def test_a_policy_of_ours_that_an_older_set_up_left_is_removed(machine: Machine) -> None:
    machine.run("install", "frr")
    ours = (machine.root / "policy-seen").read_text()
    machine.policy.write_text(ours)
    assert machine.run("finish").returncode == 0
    assert not machine.policy.exists()
    machine.policy.write_text(FOREIGN)
    assert machine.run("finish").returncode == 0
    assert machine.policy.read_text() == FOREIGN


def test_finish_asks_nothing_of_a_machine_where_nothing_was_begun(machine: Machine) -> None:
    before = sorted(machine.root.rglob("*"))
    assert machine.run("finish").returncode == 0
    assert sorted(machine.root.rglob("*")) == before


def test_two_set_ups_wait_for_each_other(machine: Machine) -> None:
    first = machine.start("install", "frr")
    second = subprocess.Popen([str(SCRIPT), "install", "hostapd"], env=machine.environment, stdout=subprocess.DEVNULL)
    assert second.poll() is None
    machine.open_gate()
    assert first.wait(PATIENCE) == 0
    assert second.wait(PATIENCE) == 0
    assert machine.enabled() == names(OWN)
    assert [call.rpartition(" ")[2] for call in machine.calls("apt-get") if "install" in call] == ["frr", "hostapd"]


def test_no_other_script_installs_packages() -> None:
    """Whatever set-up calls: packages come in through this one door."""
    tracked = subprocess.run(
        [
            "git",
            "-C",
            str(ROOT),
            "grep",
            "-lE",
            r"apt(-get)? (-\S+ )*(install|upgrade)|dpkg (-i|--install)|policy-rc\.d",
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    runs = [name for name in tracked if name.startswith(("tools/", "controller/", "Makefile", "stacks/"))]
    allowed = {"tools/setup_services.sh"}
    for name in set(runs) - allowed:
        # What is left are words to a person.
        assert not re.search(r"^\s*(sudo )?apt-get", (ROOT / name).read_text(), re.MULTILINE), name
    text = (ROOT / "tools/setup.sh").read_text()
    assert text.index("tools/setup_services.sh finish") < text.index('tools/setup_services.sh install "${packages[@]}"')

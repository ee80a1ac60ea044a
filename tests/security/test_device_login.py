"""What runs on a Linux device: a program of root's that knows verbs, checks each word, and never asks a shell."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.cli.main import main
from controller.model.network.device_state import DeviceState
from controller.platforms.base import Command, Lock, Operable, Restore
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.frr.driver import Frr
from controller.platforms.hostapd.driver import Hostapd
from controller.platforms.ovs.driver import OpenVSwitch
from tests.emulators.hostapd import HEAD
from tests.missing_parts import skip_or_fail
from tests.platforms.samples import find_sample
from tests.security.wrong_pushes import WRONG_PUSHES

VERBS = {"read": 0, "saved": 0, "armed": 0, "unconfirmed": 0, "restored": 1}
CHANGING = {"lock": 3, "unlock": 2, "arm": 2, "push": 2, "cancel": 1, "save": 1, "repair": 2}
FAKE = """\
#!/bin/sh
echo "$0 $*" >>"$FAKE_LOG"
case $* in
*fail_mode*) echo secure ;;
*add-flows*) cat >>"$FAKE_LOG" ;;
*running-config*) printf 'frr version 8.4.4\\nrouter bgp 65001\\nexit\\n' ;;
*'restart hostapd') echo 1 >"$TSUNAGU_HOSTAPD_PID" ;;
*' status')
    echo state=ENABLED
    sed -n 's/^interface=/bss=/;/^bss=/p;/^ssid=/p' "$TSUNAGU_HOSTAPD/hostapd.conf" | sed 's/=/[0]=/' ;;
esac
"""
PROGRAMS = ("ovs-vsctl", "ovs-ofctl", "vtysh", "systemctl", "hostapd_cli")
INJECTIONS = (
    "sh -c 'id' frr_router x",
    "sh -c id",
    "read;id",
    "read; id",
    "read $(id)",
    "read `id`",
    "read\nid",
    "read | id",
    "read > /tmp/x",
    "$(id)",
    "../agent read",
    "-c id",
    "vtysh",
    "configure terminal",
    "load",
    "fire run1",
    "lock a b 60 id",
    "lock 'a b' c 60",
    "lock a\\ b c 60",
    "lock .. b 60",
    "lock a/b c 60",
    "push run1",
    "forced change",
    "",
    " ",
    "read extra",
    "save",
    "save ",
    "save  ",
    " save",
    "read ,",
    "READ",
    "read\x00",
    "read\u3000",
    "x" * 40_000,
)


@dataclass(frozen=True)
class Device:
    """A program as it is installed, the programs of the system beside it, and what was asked of them."""

    program: Path
    folder: Path
    home: str
    may: str = "change"
    device: str = "here"

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            self.home: str(self.folder / "home"),
            "FAKE_LOG": str(self.folder / "log"),
            "TSUNAGU_FRR": str(self.folder / "frr"),
            "TSUNAGU_HOSTAPD": str(self.folder / "hostapd"),
            "TSUNAGU_HOSTAPD_PID": str(self.folder / "pid"),
        }

    def ask(self, line: str, stdin: str = "", may: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = self.environment | {"SSH_ORIGINAL_COMMAND": line.replace("\x00", "\\0")}
        return subprocess.run(
            ["sh", str(self.program), "forced", may or self.may],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=60,
        )

    def run(self, command: Command) -> DeviceText:
        """A session, for the platform's own side."""
        done = self.ask(command.line, command.stdin or "")
        assert done.returncode == 0, done.stderr
        return DeviceText(done.stdout)


def install(system: OwnRestore, folder: Path) -> Device:
    """Install a program whose search path has fakes of the system's own programs before all others."""
    tools = folder / "bin"
    tools.mkdir()
    for name in PROGRAMS:
        (tools / name).write_text(FAKE, encoding="utf-8")
        (tools / name).chmod(0o755)
    (folder / "frr").mkdir()
    program = folder / "agent"
    text = system.build_program()
    assert text.count("PATH=/usr/local/sbin:") == 1
    program.write_text(text.replace("PATH=/usr/local/sbin:", f"PATH={tools}:/usr/local/sbin:"), encoding="utf-8")
    device = Device(program, folder, system.home)
    if isinstance(system, Hostapd):
        (folder / "hostapd").mkdir()
        (folder / "hostapd" / "hostapd.conf").write_text(HEAD, encoding="utf-8")
        (folder / "hostapd" / "tsn.secret").write_text("nobody's\n", encoding="utf-8")
        # Process 1 is there always, and stands for hostapd.
        (folder / "pid").write_text("1\n", encoding="utf-8")
        subprocess.run(["sh", str(program), "load"], env=device.environment, check=True, capture_output=True)
    return device


@pytest.fixture(scope="module", params=[OpenVSwitch, Frr, Hostapd], ids=["ovs", "frr", "hostapd"])
def system(request: pytest.FixtureRequest) -> OwnRestore:
    made: OwnRestore = request.param()
    return made


@pytest.fixture(scope="module")
def device(system: OwnRestore, tmp_path_factory: pytest.TempPathFactory) -> Device:
    return install(system, tmp_path_factory.mktemp("device"))


@pytest.fixture
def own(system: OwnRestore, tmp_path: Path) -> Device:
    """A device that no other test has locked."""
    return install(system, tmp_path)


@pytest.mark.parametrize("line", INJECTIONS)
def test_what_is_no_verb_with_its_words_is_refused(device: Device, line: str) -> None:
    done = device.ask(line)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "uid=" not in done.stdout + done.stderr
    assert done.stderr.startswith(("ovs_switch: ", "frr_router: ", "hostapd_access_point: "))


@given(line=st.text(max_size=60))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_drawn_line_reaches_a_shell(device: Device, line: str) -> None:
    canary = device.folder / "canary"
    for drawn in (
        line.replace("\x00", ""),
        f"read {line}; touch {canary}".replace("\x00", ""),
        f"lock a $(touch {canary}) 60",
    ):
        try:
            drawn.encode()
        except UnicodeEncodeError:
            continue
        device.ask(drawn)
        assert not canary.exists()


@pytest.mark.parametrize(
    "seconds", ["08", "", "-1", "1e3", "99999999999999999999", "86401", "0x10", "1+1", "a", "60.5", "000060"]
)
@pytest.mark.parametrize("verb", ["lock plan1 run1", "arm run1"])
def test_numbers_are_bounded_and_have_one_form(device: Device, verb: str, seconds: str) -> None:
    done = device.ask(f"{verb} {seconds}")
    assert done.returncode == 1
    assert "number of seconds" in done.stderr or "usage" in done.stderr or "a command has letters" in done.stderr
    assert not (device.folder / "home" / "lock").exists()


@given(seconds=st.integers(min_value=86_401))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_lock_is_held_for_ever(device: Device, seconds: int) -> None:
    assert device.ask(f"lock plan1 run1 {seconds}").returncode == 1
    assert not (device.folder / "home" / "lock").exists()


@pytest.mark.parametrize("verb", CHANGING)
def test_the_key_that_reads_changes_nothing(device: Device, verb: str) -> None:
    words = ["plan1", "run1", "60"][-CHANGING[verb] :] if verb != "arm" else ["run1", "60"]
    done = device.ask(" ".join((verb, *words)), may="read")
    assert done.returncode == 1
    assert f"this access can only read; '{verb}' needs the one that changes" in done.stderr
    assert not (device.folder / "home" / "lock").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_both_keys_read(device: Device, verb: str) -> None:
    for may in ("read", "change"):
        done = device.ask(" ".join((verb, *["run1"] * VERBS[verb])), may=may)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def other(device: Device) -> Iterator[Path]:
    """A program of root's, in folders of root's that everybody may enter, but none of them a tmp that all may write."""
    if os.geteuid() != 0:
        skip_or_fail("what another user may do is seen as root only")
    with TemporaryDirectory(dir="/var/lib") as made:
        folder = Path(made) / "in" / "it"
        folder.mkdir(parents=True)
        for one in (Path(made), folder.parent, folder):
            one.chmod(0o755)
        program = folder / "agent"
        program.write_text(device.program.read_text(encoding="utf-8"), encoding="utf-8")
        program.chmod(0o755)
        yield program


def run_as_other(program: Path) -> str:
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", str(program), "forced", "read")
    environment = {"PATH": os.environ["PATH"], "SSH_ORIGINAL_COMMAND": "read"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("owned", [True, False])
def test_a_program_that_the_login_could_change_does_not_run(other: Path, level: int, owned: bool) -> None:  # noqa: FBT001
    assert "install it as root's own" not in run_as_other(other), "as it should be installed"
    changeable = (other, *other.parents)[level]
    if owned:
        os.chown(changeable, 65534, 65534)
        changeable.chmod(0o555)
    else:
        changeable.chmod(0o777)
    assert f"{changeable} can be changed by who logs in; install it as root's own" in run_as_other(other)


def test_a_link_to_a_program_is_looked_at_as_well_as_the_program(other: Path) -> None:
    link = other.parents[1] / "agent"
    link.symlink_to(other)
    other.parent.chmod(0o777)
    assert "install it as root's own" in run_as_other(link)


def states(system: OwnRestore) -> tuple[DeviceState, DeviceState]:
    assert isinstance(system, Operable)
    return DeviceState(), find_sample(system.name).example()


def test_all_that_a_plan_pushes_is_taken_and_nothing_else_is_run(own: Device, system: OwnRestore) -> None:
    assert isinstance(system, Operable)
    lock, restore = Lock("plan1", "run1", 600), Restore(600, "run1")
    system.lock(own, lock)
    system.arm(own, restore)
    empty, wanted = states(system)
    pushed = 0
    for now, then in ((empty, wanted), (wanted, empty)):
        for step in system.plan_steps(now, then):
            for command in step.commands:
                system.push(own, restore, command)
                pushed += 1
    assert pushed >= 2
    assert not list((own.folder / "home").glob("input.*")), "no input is left behind"
    assert system.cancel(own, restore)
    system.unlock(own, lock)


def test_what_is_no_step_of_ours_is_not_pushed(own: Device, system: OwnRestore) -> None:
    assert isinstance(system, Operable)
    lock, restore = Lock("plan1", "run1", 600), Restore(600, "run1")
    system.lock(own, lock)
    system.arm(own, restore)
    before = own.log
    for words, stdin in WRONG_PUSHES[system.name]:
        done = own.ask(f"push run1 {words}", stdin)
        assert done.returncode == 1, (words, stdin)
        assert "nothing was changed" in done.stderr or "a command has letters" in done.stderr
        assert own.log == before, "nothing of the system was run"
    big = own.ask("push run1 configure terminal", "x" * (4 * 1024 * 1024 + 1))
    assert "at most 4194304 bytes" in big.stderr
    assert system.cancel(own, restore)
    system.unlock(own, lock)


@pytest.fixture(scope="module")
def armed(system: OwnRestore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """A device that run1 holds, with its restore armed, so that only the input of a push can be refused."""
    assert isinstance(system, Operable)
    made = install(system, tmp_path_factory.mktemp("armed"))
    system.lock(made, Lock("plan1", "run1", 600))
    system.arm(made, Restore(600, "run1"))
    yield made
    assert system.cancel(made, Restore(600, "run1"))
    system.unlock(made, Lock("plan1", "run1", 600))


@given(line=st.from_regex(r"(add |delete |no |neighbor |route-map )?[ -~]{1,60}", fullmatch=True))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_drawn_line_is_pushed(armed: Device, system: OwnRestore, line: str) -> None:
    assert isinstance(system, Operable)
    steps = system.plan_steps(DeviceState(), find_sample(system.name).example())
    push = next(one.line for step in steps for one in step.commands if one.stdin)
    before = armed.log
    done = armed.ask(f"push run1 {' '.join(shlex.split(push))}", f"{line}\n")
    assert done.returncode == 1
    assert "line 1 of the input is no line that can be pushed; nothing was changed" in done.stderr
    assert armed.log == before


def test_the_program_is_printed_for_who_installs_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, system in (
        ("frr", Frr()),
        ("hostapd", Hostapd()),
        ("ovs", OpenVSwitch()),
        ("cisco_ios", None),
        ("../x", None),
    ):
        monkeypatch.setattr("sys.argv", ["tsunagu", "agent", name])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        if system is None:
            assert ended.value.code == 64
            assert "these have: frr, hostapd, ovs" in said.err
        else:
            assert ended.value.code == 0
            assert said.out == system.build_program()

"""A school of Minato whose core answers on this machine: a virtual switch, over SSH.

Its management address is of the school's network, which is not here: the way there is a jump host of the test's own.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import MappingProxyType

import asyncssh
import paramiko

from controller.lab.virtual_switches.catalyst import C9300, CatalystSwitch
from controller.lab.virtual_switches.command_line import CommandLineDevice
from controller.lab.virtual_switches.ssh_server import Access, SwitchServer
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.lab.virtual_switches.x530.device import X530
from tests.security.ssh_host import HostKey, Server
from tests.security.ssh_host import serve as serve_jump_host

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DEVICE, SCHOOL, ADDRESS = "namiyoke1-sw1", "mn-02", "172.20.2.2"
USER, WORD = "net01", "playbook-7"
SAVED = ROOT / "examples/minato/configurations" / f"{DEVICE}.cfg"
APPROVED = "approvals: {require: [{approvals: 0}]}\n"
"""What the operators' file says where nobody has to approve."""
Clock = Callable[[], float]
MODELS: Mapping[str, Callable[[str, Clock], CommandLineDevice]] = MappingProxyType(
    {
        "catalyst": lambda startup, clock: CatalystSwitch(C9300, startup, clock=clock),
        "x530": lambda startup, clock: X530(startup, clock=clock),
    }
)
LOTS = MappingProxyType({"catalyst": "catalyst-r3", "x530": "x530-r5"})


@dataclass(frozen=True)
class Ran:
    """How a program ended, and all that it said."""

    code: int
    said: str


class Gate(Server):
    """The way to the switch; `left`: so many connections are let through before nobody can reach it (None: all)."""

    left: int | None = None

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        if self.left == 0:
            return int(paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)
        if self.left is not None:
            self.left -= 1
        return super().check_channel_direct_tcpip_request(chanid, origin, destination)


@dataclass
class SwitchClock:
    """The switch's own clock: the machine's, and so many seconds ahead of it."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(frozen=True)
class Scene:
    """The city, the operators' file and the pinned keys of it; `key` is the switch's host key as OpenSSH writes it."""

    folder: Path
    key: str
    site: DeviceSite
    gate: Gate
    clock: SwitchClock
    refused: set[str]

    def pass_an_hour(self) -> None:
        """Let an hour pass on the switch: what it has armed is due."""
        self.clock.ahead += 3600

    @property
    def pins(self) -> Path:
        return self.folder / "operators/known_hosts"

    @property
    def work(self) -> Path:
        """Where the operator stands."""
        return self.folder / "work"

    def reset(self) -> None:
        """Let all be as at the start but the switch itself: nothing pinned, nothing written, the switch reachable."""
        self.pins.unlink(missing_ok=True)
        self.change_word(WORD)
        self.gate.left = None
        self.site.faults = None
        shutil.rmtree(self.work)
        self.work.mkdir()

    def pin(self) -> None:
        """Pin the switch's host key."""
        self.pins.touch(mode=0o600)
        self.pins.write_text(f"{ADDRESS} {self.key}\n", encoding="ascii")

    def name_logins(self, user: str, word: str, more: str) -> None:
        """Let the accesses of the operators' file have another login; `word` is the file of its password."""
        file = self.folder / "operators/operations.yaml"
        login = f"{{user: {user}, password: {{file: {self.folder}/operators/{word}}}, {more}, known-hosts"
        text = re.sub(r"\{user: [^\n]*?, known-hosts", login, file.read_text(encoding="ascii"))
        file.write_text(text, encoding="ascii")

    def change_word(self, word: str) -> None:
        """Let the operators' file lead to another password."""
        (self.folder / "operators/word").write_text(word, encoding="ascii")

    def stop(self, after: int = 0) -> None:
        """Let nobody reach the switch any more, or only so many connections."""
        self.gate.left = after

    def run(self, *words: str) -> Ran:
        """Run `tsunagu playbook run` on the school."""
        command: list[str | Path] = [BIN / "tsunagu", "playbook", "run", *words, "--school", SCHOOL]
        return self._run([*command, "--policies", self.folder / "policies"], self.work)

    def run_ansible(self, book: str, *words: str) -> Ran:
        """Run a playbook on the school by Ansible itself."""
        command: list[str | Path] = [
            BIN / "ansible-playbook",
            f"{book}.yml",
            "--limit",
            SCHOOL.replace("mn-", "school_mn_"),
            *words,
        ]
        return self._run(command, ROOT / "playbooks")

    def _run(self, command: list[str | Path], folder: Path) -> Ran:
        around = {**os.environ, "TSUNAGU_OPERATIONS": str(self.folder / "operators/operations.yaml")}
        around |= {"TSUNAGU_POLICIES": str(self.folder / "policies"), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        done = subprocess.run(
            command,
            cwd=folder,
            env=around,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert "Traceback" not in done.stdout
        assert WORD not in done.stdout
        return Ran(done.returncode, done.stdout)


@contextmanager
def stand_switch(  # noqa: PLR0913 what a scene is made of
    folder: Path,
    startup: str | Callable[[Path], str] | None = None,
    *,
    model: str = "catalyst",
    operators: str = "",
    adoption: str = "filters",
    by_device: bool = False,
) -> Iterator[Scene]:
    """Start the switch, and write the city and the operators' file; nothing is pinned yet.

    Without `startup` it runs the school's saved text; a function is given the policies and returns it.
    `adoption` is how far the school has been taken over, and `by_device` says that the switch itself knows who may log
    in.
    """
    for name in ("work", "operators", "state"):
        (folder / name).mkdir(mode=0o700)
    shutil.copytree(ROOT / "examples/minato", folder / "policies")
    _change_school(folder / "policies", LOTS[model], adoption)
    text, clock = startup(folder / "policies") if callable(startup) else startup, SwitchClock()
    access = Access(USER, WORD, by_device=by_device)
    device = MODELS[model](text if text is not None else SAVED.read_text(encoding="cp932"), clock)
    jump, key = HostKey(), asyncssh.generate_private_key("ssh-ed25519")
    with _serve(site := DeviceSite(device), key, clock, access) as port:
        server = Gate(jump.blob, port)
        with serve_jump_host(jump, server) as gate:
            _write_operators(folder, jump, gate, operators)
            yield Scene(folder, key.export_public_key().decode().strip(), site, server, clock, access.refused)


def _change_school(policies: Path, lot: str, adoption: str) -> None:
    (file,) = (one for one in policies.glob("city/schools/*.yaml") if f"id: {SCHOOL}\n" in one.read_text("utf-8"))
    before, mark, rest = file.read_text(encoding="utf-8").partition(f"id: {SCHOOL}\n")
    rest = rest.replace("lot: catalyst-r3", f"lot: {lot}", 1).replace("adoption: filters", f"adoption: {adoption}", 1)
    file.write_text(before + mark + rest, encoding="utf-8")


@contextmanager
def _serve(site: DeviceSite, key: asyncssh.SSHKey, clock: Clock, access: Access) -> Iterator[int]:
    """Serve the switch in a thread of its own; yield the port."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = SwitchServer(site, access, key, clock)
    try:
        yield asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def _write_operators(folder: Path, jump: HostKey, gate: int, more: str) -> None:
    place = folder / "operators"
    contents = {
        "word": WORD,
        "jump_key": jump.text,
        "jump_pins": f"[127.0.0.1]:{gate} {jump.words}\n",
        "operations.yaml": f"format: 1\nstate: {folder / 'state'}\n{more}access:\n",
    }
    through = f"{{host: 127.0.0.1, port: {gate}, user: tsunagu, key: {{file: {place}/jump_key}}, "
    through += f"known-hosts: {place}/jump_pins}}"
    access = (
        f"{{user: {USER}, password: {{file: {place}/word}}, known-hosts: {place}/known_hosts, jump-host: {through}}}"
    )
    contents["operations.yaml"] += f"  cores: {access}\n  old-cores: {access}\n"
    for name, text in contents.items():
        (place / name).touch(mode=0o600)
        (place / name).write_text(text, encoding="ascii")

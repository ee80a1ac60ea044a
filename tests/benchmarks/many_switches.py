"""Many switches with a vendor's command line: this session's CPU and wall time beside bare netmiko and nornir-netmiko.

The switches are virtual Catalysts behind real SSH servers (asyncssh) in a process of their own, whose CPU is counted
apart; each line takes them 100 ms. The job of every way is the same: log in, read, push 40 lines, save, read back.

    python tests/benchmarks/many_switches.py --devices 400 --at-once 50
    python tests/benchmarks/many_switches.py --devices 40 --collections FOLDER

`--collections` adds Ansible (`ansible.netcommon.network_cli` with paramiko, `cisco.ios.ios_config`): a folder with
`ansible_collections/` of `cisco.ios`, `ansible.netcommon` and `ansible.utils`, which are no part of this project.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

from netmiko import ConnectHandler
from nornir.core import Nornir
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.task import Result, Task
from nornir.plugins.runners import ThreadedRunner
from nornir_netmiko.tasks import netmiko_send_command, netmiko_send_config  # type: ignore[import-untyped]

from controller.model.loading.load_city import load_city
from controller.operations.device_access import DeviceAccess
from controller.platforms.base import Command
from controller.platforms.transport.ssh_session import open_session

USER, WORD = "admin", "benchmark-7"
LINES = [line for number in range(100, 120) for line in (f"vlan {number}", f"name bench-{number}")]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Measured:
    """What a way took, in seconds; `emulator` is the CPU of the switches' process."""

    way: str
    wall: float
    cpu: float
    emulator: float
    failed: list[str]


def try_each(ports: list[int], at_once: int, job: Callable[[int], None]) -> list[str]:
    """Do a job on every switch, so many at once; return what failed, each with its port."""

    def attempt(port: int) -> str:
        try:
            job(port)
        except Exception as error:  # noqa: BLE001 one of hundreds; it is told, and the others go on
            return f"{port}: {type(error).__name__}: {str(error).strip().splitlines()[:1]}"
        return ""

    with ThreadPoolExecutor(at_once) as pool:
        return [one for one in pool.map(attempt, ports) if one]


def serve(count: int, delay: float) -> tuple[subprocess.Popen[str], str, list[int]]:
    """Start the switches; return their process, host key and ports."""
    command = [sys.executable, "-m", "controller.lab.virtual_switches.serve", "--model", "catalyst"]
    command += ["--count", str(count), "--user", USER, "--delay", str(delay), "--startup", "/dev/stdin"]
    environment = os.environ | {"VIRTUAL_SWITCH_PASSWORD": WORD}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what asyncio says of every session that a client hung up
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("hostname bench{number}\nvtp mode transparent\nend\n")
    process.stdin.close()
    key = process.stdout.readline().removeprefix("host key ").strip()
    return process, key, [int(port) for port in process.stdout.readline().split()[1:]]


def check(text: str) -> None:
    """See that what was pushed is there."""
    assert "name bench-119" in text, text[-300:]


def by_ours(ports: list[int], at_once: int, key: str, folder: Path) -> list[str]:
    """Do the job by this project's session."""
    city = load_city(ROOT / "policies")
    device = next(one for school in city.schools for one in city.list_devices(school) if one.platform == "cisco_ios")
    pins, word = folder / "known_hosts", folder / "word"
    pins.write_text("".join(f"[127.0.0.1]:{port} {key}\n" for port in ports), encoding="ascii")
    word.touch(mode=0o600)
    word.write_text(WORD, encoding="ascii")

    def job(port: int) -> None:
        access = DeviceAccess.model_validate(
            {"user": USER, "known-hosts": str(pins), "port": port, "password": {"file": str(word)}}
        )
        here = replace(device, management=IPv4Address("127.0.0.1"))
        with open_session(here, access, "cisco_ios", changing=True) as session:
            session.run(Command("show running-config"))
            for line in ("configure terminal", *LINES, "end", "write memory"):
                session.run(Command(line))
            check(session.run(Command("show running-config")).reveal())

    return try_each(ports, at_once, job)


def by_netmiko(ports: list[int], at_once: int) -> list[str]:
    """Do the job by netmiko in threads."""

    def job(port: int) -> None:
        with ConnectHandler(
            device_type="cisco_ios", host="127.0.0.1", port=port, username=USER, password=WORD
        ) as connection:
            connection.send_command("show running-config")
            connection.send_config_set(LINES, error_pattern=r"^%")
            connection.save_config()
            check(str(connection.send_command("show running-config")))

    return try_each(ports, at_once, job)


def by_nornir(ports: list[int], at_once: int) -> list[str]:
    """Do the job by nornir-netmiko."""
    ConnectionPluginRegister.auto_register()
    hosts = Hosts({
        str(port): Host(
            str(port), "127.0.0.1", port, USER, WORD, "cisco_ios", connection_options={"netmiko": ConnectionOptions()}
        )
        for port in ports
    })  # fmt: skip

    def job(task: Task) -> Result:
        task.run(netmiko_send_command, command_string="show running-config")
        task.run(netmiko_send_config, config_commands=LINES, error_pattern=r"^%")
        task.run(netmiko_send_command, command_string="write memory")
        check(task.run(netmiko_send_command, command_string="show running-config")[0].result)
        return Result(task.host)

    nornir = Nornir(Inventory(hosts, Groups(), Defaults()), runner=ThreadedRunner(at_once))
    done = nornir.run(job)
    nornir.close_connections()
    return [f"{name}: {one[-1].exception!r}" for name, one in done.failed_hosts.items()]


PLAY = f"""
- hosts: all
  gather_facts: false
  tasks:
    - cisco.ios.ios_command: {{commands: [show running-config]}}
    - cisco.ios.ios_config: {{lines: {json.dumps(LINES)}, match: none, save_when: always}}
    - cisco.ios.ios_command:
        commands: [show running-config]
        wait_for: ["result[0] contains 'name bench-119'"]
        retries: 1
"""


def by_ansible(ports: list[int], at_once: int, folder: Path, collections: Path) -> list[str]:
    """Do the job by Ansible's own modules for IOS, in processes of its own."""
    variables = {
        "ansible_host": "127.0.0.1",
        "ansible_user": USER,
        "ansible_password": WORD,
        "ansible_connection": "ansible.netcommon.network_cli",
        "ansible_network_os": "cisco.ios.ios",
        "ansible_network_cli_ssh_type": "paramiko",
        "ansible_host_key_checking": False,
    }
    hosts = {f"bench{port}": {"ansible_port": port} for port in ports}
    (folder / "hosts.yaml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}), encoding="ascii")
    (folder / "play.yaml").write_text(PLAY, encoding="ascii")
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_LOCAL_TEMP": str(folder),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "LC_ALL": "C.UTF-8",
    }
    program = str(Path(sys.executable).parent / "ansible-playbook")
    words = [program, "-i", str(folder / "hosts.yaml"), "-f", str(at_once), str(folder / "play.yaml")]
    # A file: what Ansible leaves running for its connections would hold a pipe open.
    told = folder / "told.txt"
    with told.open("w", encoding="utf-8") as log:
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    return [] if done.returncode == 0 else [told.read_text(encoding="utf-8")[-2000:]]


def read_cpu(process: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def count_cpu() -> float:
    """Return the CPU seconds of this process and of the programs that it started and that have ended."""
    asked = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in asked)


def measure(way: str, job: Callable[[list[int], str], list[str]], count: int, delay: float) -> Measured:
    """Do a job on switches that nobody has touched."""
    process, key, ports = serve(count, delay)
    try:
        emulator, began, used = read_cpu(process.pid), time.monotonic(), count_cpu()
        failed = job(ports, key)
        wall = time.monotonic() - began
        return Measured(way, wall, count_cpu() - used, read_cpu(process.pid) - emulator, failed)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def main() -> None:
    """Measure every way, and print CPU and wall time as ratios to bare netmiko."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=400)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--delay", type=float, default=0.1, help="seconds that a line takes a switch")
    parser.add_argument("--ways", nargs="+", help="netmiko, nornir-netmiko, ours, ansible; all without it")
    parser.add_argument("--collections", type=Path, help="where Ansible's collections are; measures Ansible, too")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[list[int], str], list[str]]] = {
            "netmiko": lambda ports, _: by_netmiko(ports, chosen.at_once),
            "nornir-netmiko": lambda ports, _: by_nornir(ports, chosen.at_once),
            "ours": lambda ports, key: by_ours(ports, chosen.at_once, key, Path(folder)),
        }
        if chosen.collections is not None:
            ways["ansible"] = lambda ports, _: by_ansible(ports, chosen.at_once, Path(folder), chosen.collections)
        sys.stdout.write(f"{chosen.devices} switches, {chosen.at_once} at once, {chosen.delay:.1f} s a line\n")
        base: Measured | None = None
        for way, job in ways.items():
            if chosen.ways is not None and way not in chosen.ways:
                continue
            one = measure(way, job, chosen.devices, chosen.delay)
            base = base or one
            sys.stdout.write(
                f"{one.way:<15} wall {one.wall:7.1f} s ({one.wall / base.wall:.2f})  CPU {one.cpu:7.1f} s "
                f"({one.cpu / base.cpu:.2f})  switches' CPU {one.emulator:.1f} s  {len(one.failed)} failed\n"
            )
            sys.stdout.write("".join(f"  {failure}\n" for failure in one.failed[:5]))
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Real FRR: a school's router, both regions' over both lines, and a session that runs commands on the school's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.errors import CommandFailed
from controller.lab.state.processes import kill_process
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.access_lines import Region
from controller.model.sites.schools import School
from controller.platforms.base import Command
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.frr.driver import Frr
from tests.platforms.ovs.virtual_switch import force, run, wait_until
from tests.started_processes import find_daemon

DAEMONS = ("zebra", "bgpd")
CORE = {Family.V4: "198.51.100.0/24", Family.V6: "2001:db8:f100::/48"}
"""What both regions announce beside a default route."""
_ALONE = 'mount -t tmpfs tmpfs /var/tmp && exec "$0" "$@"'


@dataclass(frozen=True)
class Speaker:
    """FRR in a namespace; its files are in `folder`."""

    namespace: str
    folder: Path

    def start(self) -> None:
        """Start the daemons; they come up with what `frr.conf` says."""
        for daemon in DAEMONS:
            words = [f"/usr/lib/frr/{daemon}", "-d", "--vty_port", "0", "--vty_socket", str(self.folder)]
            words += ["--socket", str(self.folder / "zserv.api"), "--pid_file", str(self.folder / f"{daemon}.pid")]
            words += ["--log", f"file:{self.folder / daemon}.log"]
            run("ip", "netns", "exec", self.namespace, "sh", "-c", _ALONE, *words)
        self.vtysh("--boot")

    def stop(self) -> None:
        """End the daemons at once, as a power cut would."""
        for daemon in DAEMONS:
            pidfile = self.folder / f"{daemon}.pid"
            running = find_daemon(pidfile)
            assert running is not None, f"{daemon} does not run"
            kill_process(running)
            pidfile.unlink()

    def vtysh(self, *words: str) -> str:
        """What FRR's own shell says."""
        shell = ("vtysh", "--vty_socket", str(self.folder), "--config_dir", str(self.folder))
        return run("ip", "netns", "exec", self.namespace, *shell, *words)

    def configure(self, *lines: str) -> None:
        """Configure it by hand."""
        self.vtysh("-c", "configure terminal", *(word for line in lines for word in ("-c", line)))

    def json(self, command: str) -> Any:  # noqa: ANN401 whatever FRR says
        return json.loads(self.vtysh("-c", f"{command} json"))


@dataclass(frozen=True)
class VirtualRouter(Speaker):
    """The school's router, as a `controller.platforms.base.Session`."""

    device: str
    regions: tuple[tuple[str, Speaker], ...]
    own: dict[Family, str]

    @property
    def home(self) -> Path:
        """Where the router's own script keeps what must outlive a session."""
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TSUNAGU_FRR": str(self.folder), "TSUNAGU_ROUTER": str(self.home), "VTYSH_PAGER": "cat"}

    def run(self, command: Command) -> DeviceText:
        """Run a command as sshd would: a verb by the router's program, forced."""
        done = subprocess.run(
            ("ip", "netns", "exec", self.namespace, *force(self.folder / "agent", Frr(), command)),
            input=command.stdin or "",
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | {"SSH_ORIGINAL_COMMAND": command.line},
            timeout=60,
        )
        if done.returncode:
            said = f"exit status {done.returncode}: {done.stderr}{done.stdout}"
            raise CommandFailed(self.device, said, command=command.line)
        return DeviceText(done.stdout)

    def best(self, family: Family) -> str:
        """The neighbour that the default route is taken from, "" when there is none."""
        for path in self.json(f"show bgp ipv{int(family)} unicast {family.everything}").get("paths", ()):
            if path.get("bestpath", {}).get("overall"):
                return str(path["peer"]["peerId"])
        return ""

    def heard(self, region: str, neighbour: str, family: Family) -> dict[str, str]:
        """What a region has from the school at one of its addresses: prefixes, and the path of systems of each."""
        speaker = dict(self.regions)[region]
        table = speaker.json(f"show bgp ipv{int(family)} unicast")["routes"]
        return {
            prefix: path["path"] for prefix, paths in table.items() for path in paths if path["peerId"] == neighbour
        }

    def up(self) -> bool:
        """Whether every session stands and has brought its routes."""
        for family in Family:
            summary = self.json(f"show bgp ipv{int(family)} unicast summary")
            peers = summary.get("peers", {}).values()
            if len(peers) != 2 * len(self.regions) or any(peer.get("pfxRcd", 0) < 2 for peer in peers):
                return False
        return True


@contextmanager
def virtual_router(city: City, school: School) -> Iterator[VirtualRouter]:
    """A factory-new router of a school: everything is reachable, nothing is preferred, everything may leave."""
    with ExitStack() as stack:
        # Not pytest's own folder: the path of a Unix socket must stay under 108 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tsunagu-")))
        folder.chmod(0o755)
        names = ("rt", "lines", *(region.id for region in city.lines.regions))
        spaces = {name: f"{folder.name}-{name}" for name in names}
        for space in spaces.values():
            run("ip", "netns", "add", space)
            stack.callback(run, "ip", "netns", "del", space)
        _wire(city, school, spaces)
        regions = []
        for region in city.lines.regions:
            speaker = Speaker(spaces[region.id], _folder(folder / region.id, _region(city, school, region)))
            regions.append((region.id, speaker))
        own = {family: str(city.addresses.school_prefix(school, family)) for family in Family}
        made = VirtualRouter(
            spaces["rt"], _folder(folder / "rt", _school(city, school)), f"{school.id}-rt1", tuple(regions), own
        )
        made.home.mkdir()
        for one in (*(speaker for _, speaker in regions), made):
            one.start()
            stack.callback(one.stop)
        wait_until(made.up, "every BGP session", 60)
        yield made


def _folder(folder: Path, configuration: str) -> Path:
    folder.mkdir()
    (folder / "frr.conf").write_text(configuration, encoding="ascii")
    (folder / "vtysh.conf").write_text("service integrated-vtysh-config\n", encoding="ascii")
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "frr", "frrvty")
    return folder


def _wire(city: City, school: School, spaces: dict[str, str]) -> None:
    for space in spaces.values():
        run("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        run("ip", "-n", space, "link", "set", "lo", "up")
    for line in city.lines.names:
        bridge = city.lines.get_link(line).interface
        run("ip", "-n", spaces["lines"], "link", "add", "name", bridge, "type", "bridge")
        run("ip", "-n", spaces["lines"], "link", "set", bridge, "up")
        ends = {"rt": [city.lines.school_address(school, line, family) for family in Family]}
        for region in city.lines.regions:
            ends[region.id] = [city.lines.region_address(region, line, family) for family in Family]
        for name, (v4, v6) in ends.items():
            port = f"{name}-{bridge}"
            run(
                *("ip", "link", "add", "name", port, "netns", spaces["lines"], "type", "veth"),
                *("peer", "name", bridge, "netns", spaces[name]),
            )
            batch = f"link set {port} master {bridge}\nlink set {port} up\n"
            run("ip", "-n", spaces["lines"], "-batch", "-", stdin=batch)
            length = {family: city.lines.get_link(line).get_prefix(family).prefixlen for family in Family}
            batch = f"link set {bridge} up\naddr add {v4}/{length[Family.V4]} dev {bridge}\n"
            batch += f"addr add {v6}/{length[Family.V6]} dev {bridge}\n"
            run("ip", "-n", spaces[name], "-batch", "-", stdin=batch)


def _school(city: City, school: School) -> str:
    neighbours = {
        family: {
            str(city.lines.region_address(region, line, family)): region.asn for line, region in city.lines.list_paths()
        }
        for family in Family
    }
    announced = {family: [str(city.addresses.school_prefix(school, family))] for family in Family}
    return _bgp(
        city.lines.get_asn(school), str(city.lines.school_address(school, "primary", Family.V4)), neighbours, announced
    )


def _region(city: City, school: School, region: Region) -> str:
    asn = city.lines.get_asn(school)
    neighbours = {
        family: {str(city.lines.school_address(school, line, family)): asn for line in city.lines.names}
        for family in Family
    }
    announced = {family: [str(family.everything), CORE[family]] for family in Family}
    router_id = str(city.lines.region_address(region, "primary", Family.V4))
    return _bgp(region.asn, router_id, neighbours, announced)


def _bgp(asn: int, router_id: str, neighbours: dict[Family, dict[str, int]], announced: dict[Family, list[str]]) -> str:
    lines = [
        "frr defaults traditional",
        f"router bgp {asn}",
        f" bgp router-id {router_id}",
        " no bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
        " no bgp network import-check",
        " bgp bestpath compare-routerid",
        " timers bgp 3 9",
    ]
    for family in Family:
        for address, other in neighbours[family].items():
            lines += [f" neighbor {address} remote-as {other}", f" neighbor {address} timers connect 1"]
            lines += [f" neighbor {address} advertisement-interval 0"]
    for family in Family:
        lines.append(f" address-family ipv{int(family)} unicast")
        lines += [f"  network {prefix}" for prefix in announced[family]]
        lines += [f"  neighbor {address} activate" for address in neighbours[family]]
        lines.append(" exit-address-family")
    return "\n".join((*lines, "exit", ""))

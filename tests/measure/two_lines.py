"""A school's router and a region, joined by two shaped lines, in network namespaces of the tests' own."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import dns.message
import dns.rrset

from controller.measure.measurement import LinePath
from controller.measure.probes.probe_path import NamespaceHost, ProbePath
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName
from controller.platforms.transport.namespace import run_in_namespace
from tests.measure.relayed_wire import relayed_wire

INTERFACES: dict[AccessLineName, str] = {"primary": "wan0", "backup": "wan1"}
PORT, NAME_PORT, PAGE_PORT = 5201, 53, 80
_BURST_SECONDS = 0.02
_PATIENCE = 10.0
LAB_LINES: tuple[AccessLineName, ...] = ("primary", "backup")
SCHOOL = "kw-e01"
"""Number 1 of the city: its addresses on the lines are those here, by `policies/city/lines.yaml`."""
ADDRESSES = {
    ("primary", Family.V4): ("100.64.0.17", "100.64.0.1"),
    ("primary", Family.V6): ("fd74:736e:0:1::11", "fd74:736e:0:1::1"),
    ("backup", Family.V4): ("100.64.32.17", "100.64.32.1"),
    ("backup", Family.V6): ("fd74:736e:0:2::11", "fd74:736e:0:2::1"),
}
"""The school's, and Tokyo's; Osaka's is the next after Tokyo's, in the same namespace."""
_LENGTHS = ((Family.V4, 19), (Family.V6, 64))
TRUTH = {Family.V4: 1448 / 1514, Family.V6: 1428 / 1514}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class TwoLines:
    school: str
    region: str

    def route(self, line: AccessLineName = "primary", family: Family = Family.V4) -> ProbePath:
        source, address = ADDRESSES[line, family]
        return ProbePath(
            LinePath(SCHOOL, line, "tokyo", family), NamespaceHost(self.school), INTERFACES[line], source, address
        )

    @contextmanager
    def cut(self, line: AccessLineName, end: str) -> Iterator[None]:
        ip("-n", end, "link", "set", INTERFACES[line], "down")
        try:
            yield
        finally:
            ip("-n", end, "link", "set", INTERFACES[line], "up")
            self.answers(line)

    def received(self, line: AccessLineName) -> int:
        return sum(
            int(inside_text(self.school, f"/sys/class/net/{INTERFACES[line]}/statistics/{way}_bytes"))
            for way in ("rx", "tx")
        )

    def echoes_sent(self) -> int:
        """The ICMP echo requests that the school has sent over IPv4, by its own kernel's count."""
        return self._read_counter("Icmp", "OutEchos")

    def count_untaken_datagrams(self) -> int:
        """The UDP datagrams over IPv4 that came to the school and that nobody there took, by its own kernel's count."""
        return self._read_counter("Udp", "NoPorts")

    def _read_counter(self, protocol: str, name: str) -> int:
        lines = inside_text(self.school, "/proc/net/snmp").splitlines()
        names, values = (line.split() for line in lines if line.startswith(f"{protocol}:"))
        return int(values[names.index(name)])

    @contextmanager
    def without_tokyo(self, line: AccessLineName) -> Iterator[None]:
        words = [(f"{ADDRESSES[line, family][1]}/{length}", "dev", INTERFACES[line]) for family, length in _LENGTHS]
        for some in words:
            ip("-n", self.region, "addr", "del", *some)
        try:
            yield
        finally:
            for some in words:
                ip("-n", self.region, "addr", "add", *some)
            self.answers(line)

    def answers(self, line: AccessLineName) -> None:
        """Wait until a line carries again: a neighbour that was asked for in vain is asked for once a second."""
        until(lambda: all(_answers(self.school, ADDRESSES[line, family][1]) for family in Family))


def inside_text(namespace: str, file: str) -> str:
    return subprocess.run(
        ["ip", "netns", "exec", namespace, "cat", file], check=True, capture_output=True, text=True
    ).stdout


@contextmanager
def two_lines(primary: int, backup: int, late: float = 0.0) -> Iterator[TwoLines]:
    """Lines of so many Mbit/s of Ethernet frames each way, and what answers at their far ends.

    The primary one is late by so many milliseconds each way.
    """
    names = TwoLines(f"probed-{os.getpid()}-s", f"probed-{os.getpid()}-r")
    with ExitStack() as undone:
        for name in (names.school, names.region):
            ip("netns", "add", name)
            undone.callback(ip, "netns", "del", name)
            for setting in ("all", "default"):
                for key in ("accept_dad", "dad_transmits"):
                    _sysctl(name, f"net/ipv6/conf/{setting}/{key}", "0")
                _sysctl(name, f"net/ipv6/conf/{setting}/keep_addr_on_down", "1")
            _sysctl(name, "net/ipv4/conf/all/promote_secondaries", "1")
            ip("-n", name, "link", "set", "lo", "up")
        for line, mbps in zip(LAB_LINES, (primary, backup), strict=True):
            if late and line == "primary":
                undone.enter_context(relayed_wire(INTERFACES[line], names.school, names.region, late))
            else:
                peer = ("type", "veth", "peer", "name", INTERFACES[line], "netns", names.region)
                ip("link", "add", "name", INTERFACES[line], "netns", names.school, *peer)
            _set_up(names, line, mbps)
        # As with BGP, the other line leads to the far end of a line that is down, too. A probe must not take it.
        for metric, line in enumerate(LAB_LINES, 1):
            for family in Family:
                via = ADDRESSES[line, family][1]
                ip("-n", names.school, "route", "add", "default", "via", via, "metric", str(metric))
        undone.enter_context(_serving(names))
        for line in LAB_LINES:
            names.answers(line)
        yield names


def _sysctl(namespace: str, key: str, value: str) -> None:
    subprocess.run(
        ["ip", "netns", "exec", namespace, "sh", "-c", f"echo {value} > /proc/sys/{key}"],
        check=True,
        capture_output=True,
    )


def _set_up(names: TwoLines, line: AccessLineName, mbps: int) -> None:
    interface = INTERFACES[line]
    for end, name in enumerate((names.school, names.region)):
        for family, length in _LENGTHS:
            tokyo = ip_address(ADDRESSES[line, family][end])
            for address in (tokyo, tokyo + 1)[: end + 1]:
                ip("-n", name, "addr", "add", f"{address}/{length}", "dev", interface)
        ip("-n", name, "link", "set", interface, "up")
        burst = int(mbps * 1_000_000 / 8 * _BURST_SECONDS)
        shaper = f"tc -n {name} qdisc add dev {interface} root tbf rate {mbps}mbit burst {burst} latency 50ms"
        subprocess.run(shaper.split(), check=True, capture_output=True)


@contextmanager
def _serving(names: TwoLines) -> Iterator[None]:
    """iperf3 at every address, DNS and HTTP at all of them."""
    words = ["ip", "netns", "exec", names.region, "iperf3", "--server", "--port", str(PORT)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = threading.Event()
    threads = [_thread(work, names, done) for work in (_names, _pages)]
    try:
        until(lambda: _listening(names.region) == 2)
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
        server.send_signal(signal.SIGTERM)
        server.wait(_PATIENCE)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _answers(namespace: str, address: str) -> bool:
    words = ["ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "1", address]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def _listening(namespace: str) -> int:
    shown = subprocess.run(
        ["ip", "netns", "exec", namespace, "ss", "-Hltn"], check=True, capture_output=True, text=True
    )
    return len(shown.stdout.splitlines())


def _thread(
    work: Callable[[TwoLines, threading.Event], None], names: TwoLines, done: threading.Event
) -> threading.Thread:
    thread = threading.Thread(target=work, args=(names, done))
    thread.start()
    return thread


def _names(names: TwoLines, done: threading.Event) -> None:
    # A socket an address: with several addresses on a link, one for all would answer from another than was asked.
    addresses = [str(ip_address(far) + step) for _, far in ADDRESSES.values() for step in (0, 1)]
    with ExitStack() as closing, selectors.DefaultSelector() as selector:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            opened = closing.enter_context(NamespaceHost(names.region).open_socket(family, socket.SOCK_DGRAM))
            opened.bind((address, NAME_PORT))
            selector.register(opened, selectors.EVENT_READ)
        while not done.is_set():
            for key, _ in selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                _answer(key.fileobj)


def _answer(opened: socket.socket) -> None:
    asked, sender = opened.recvfrom(4096)
    query = dns.message.from_wire(asked)
    answer = dns.message.make_response(query)
    if query.question[0].name.to_text() == "www.example.jp.":
        kind = query.question[0].rdtype.name
        value = "192.0.2.1" if kind == "A" else "2001:db8::1"
        answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, value))
    opened.sendto(answer.to_wire(), sender)


def _pages(names: TwoLines, done: threading.Event) -> None:
    def listen() -> socket.socket:
        return socket.create_server(("::", PAGE_PORT), family=socket.AF_INET6, dualstack_ipv6=True)

    with run_in_namespace(names.region, listen) as opened:
        opened.settimeout(0.1)
        while not done.is_set():
            try:
                client, _ = opened.accept()
            except TimeoutError:
                continue
            with client:
                client.settimeout(2.0)
                status = b"200 OK" if client.recv(4096).startswith(b"GET / ") else b"404 Not Found"
                client.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

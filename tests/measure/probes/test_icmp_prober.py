"""Rounds of echoes over sockets that hold answers back as long as a test wants."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from controller.measure.measurement import LinePath
from controller.measure.probes import icmp_prober
from controller.measure.probes.icmp_prober import IcmpProber
from controller.measure.probes.probe_path import NamespaceHost, ProbePath
from controller.model.network.packets import Family
from tests.measure.findings import path

WITHIN = 0.05
HEADER = bytes([0x45, *[0] * 19])
Answering = Callable[[bytes], bool]


@dataclass
class Wire:
    """A raw socket of the tests' own: its far end answers when it is told to, and keeps what it was asked."""

    family: Family
    answers: Answering
    asked: list[bytes] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def fileno(self) -> int:
        return self.near.fileno()

    def settimeout(self, seconds: float) -> None:
        self.near.settimeout(seconds)

    def setsockopt(self, *_: object) -> None:
        """Unix sockets know nothing of the kernel's time of arrival."""

    def connect(self, _: object) -> None:
        """It is."""

    def send(self, request: bytes) -> None:
        self.asked.append(request)
        if self.answers(request):
            self.answer(request)

    def answer(self, request: bytes) -> None:
        kind = 0 if self.family is Family.V4 else 129
        reply = bytes([kind]) + request[1:]
        self.far.send((HEADER if self.family is Family.V4 else b"") + reply)

    def recvmsg(self, size: int, extra: int) -> tuple[bytes, list[object], int, object]:
        del extra
        return self.near.recv(size), [], 0, None

    def close(self) -> None:
        self.closed = True
        self.near.close()
        self.far.close()


@dataclass
class Places:
    """Paths whose sockets are wires; each new socket of a path is kept, the newest last."""

    answers: Answering
    wires: dict[LinePath, list[Wire]] = field(default_factory=dict)

    def route(self, where: LinePath) -> ProbePath:
        places = self

        class Wired(ProbePath):
            def open_bound_socket(self, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
                assert (kind, bool(protocol)) == (socket.SOCK_RAW, True)
                made = Wire(self.path.family, places.answers)
                places.wires.setdefault(self.path, []).append(made)
                return made  # type: ignore[return-value]

        return Wired(where, NamespaceHost("nowhere"), "wan0", "s", "t")


V4, V6 = path("s1"), path("s1", family=Family.V6)


@pytest.fixture
def sometimes() -> Iterator[tuple[list[bool], Places, IcmpProber]]:
    """Whether the next echoes are answered at once, the places, and a prober over two paths."""
    at_once = [True]
    places = Places(lambda _: at_once[-1])
    prober = IcmpProber([places.route(V4), places.route(V6)])
    yield at_once, places, prober
    prober.close()
    assert all(one.closed for wires in places.wires.values() for one in wires)


Sometimes = tuple[list[bool], Places, IcmpProber]


def test_answers_in_time_and_none_at_all(sometimes: Sometimes) -> None:
    at_once, places, prober = sometimes
    found = prober.probe_all(WITHIN)
    assert all(took is not None and 0 <= took < 1000 * WITHIN for took in found.answers.values())
    assert set(found.answers) == {V4, V6}
    assert (found.late, dict(found.lost)) == ({}, {})
    at_once.append(False)
    found = prober.probe_all(WITHIN)
    assert found.answers == found.fastest == {V4: None, V6: None}
    assert len(places.wires[V4]) == 1
    prober.probe_all(WITHIN)
    assert [one.closed for one in places.wires[V4]] == [True, False], "a silent path gets a new socket"


def test_an_answer_to_an_earlier_round_is_one_with_its_true_time(sometimes: Sometimes) -> None:
    """It lies in the old socket when the next round begins, or comes while that waits for its own."""
    at_once, places, prober = sometimes
    at_once.append(False)
    prober.probe_all(WITHIN)
    [old] = places.wires[V4]
    old.answer(old.asked[0])
    found = prober.probe_all(WITHIN)
    assert found.answers == {V4: None, V6: None}
    [took] = found.late[V4]
    assert 1000 * WITHIN <= took < 5000
    assert found.fastest == {V4: took, V6: None}
    again = places.wires[V4][-1]
    again.answer(old.asked[0])  # a duplicate of what was counted
    again.answer(again.asked[0])
    found = prober.probe_all(WITHIN)
    assert len(found.late[V4]) == 1
    assert len(places.wires[V4]) == 2, "a path over which late answers come keeps its socket"


def test_what_answers_none_of_our_echoes_is_no_answer(sometimes: Sometimes) -> None:
    at_once, places, prober = sometimes
    at_once.append(False)
    prober.probe_all(WITHIN)
    for where, head in ((V4, HEADER), (V6, b"")):
        [wire] = places.wires[where]
        asked = wire.asked[0]
        wire.far.send(head + asked)  # a request
        wire.far.send(head + bytes([0]) + asked[1:-1] + b"?")  # another mark
        wire.far.send(head + struct.pack("!BBHHH", 0 if head else 129, 0, 0, 1, 1) + asked[-8:])  # another program's
        wire.far.send(b"\x45")
        wire.far.send(b"")
    found = prober.probe_all(WITHIN)
    assert found.fastest == {V4: None, V6: None}
    assert found.late == {}


def test_an_echo_is_lost_once_and_only_after_long(sometimes: Sometimes, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, places, prober = sometimes
    at_once.append(False)
    assert dict(prober.probe_all(WITHIN).lost) == {}
    at_once.append(True)
    assert dict(prober.probe_all(WITHIN).lost) == {}
    began = time.perf_counter()
    monkeypatch.setattr(time, "perf_counter", lambda: began + icmp_prober.GIVEN_UP_SECONDS + 1)
    lost = [dict(prober.probe_all(0.0).lost) for _ in range(2)]
    assert lost[0] == {V4: 1, V6: 1}
    old = places.wires[V4][-1].asked[0]
    places.wires[V4][-1].answer(old)
    assert lost[1] == {}


def test_a_path_that_refuses_at_once_has_lost_its_echo(sometimes: Sometimes) -> None:
    _, places, prober = sometimes
    prober.probe_all(WITHIN)
    places.wires[V6][-1].far.close()
    found = prober.probe_all(WITHIN)
    assert found.answers[V6] is None
    assert dict(found.lost) == {V6: 1}
    assert found.answers[V4] is not None


def test_what_is_forgotten_is_neither_late_nor_lost(sometimes: Sometimes) -> None:
    at_once, places, prober = sometimes
    at_once.append(False)
    prober.probe_all(WITHIN)
    prober.forget_line("s1", "primary")
    [wire] = places.wires[V4]
    wire.answer(wire.asked[0])
    assert prober.probe_all(WITHIN).fastest == {V4: None, V6: None}

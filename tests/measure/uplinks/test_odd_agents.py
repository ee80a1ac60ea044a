"""Agents that answer what they should not, late or not at all, and users that SNMP cannot say: one line each."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pysnmp.hlapi.v3arch.asyncio import Counter32, Counter64, Integer32, OctetString

from controller.measure.uplinks import snmp_reader
from controller.measure.uplinks.snmp_reader import CountersUnread, SnmpAgent, SnmpUser, read_port_counters

USER = SnmpUser("tsunagu", "authentic-12", "private-1234")
GARBAGE = (bytes(10), b"hello" * 50, b"0\x82\xff\xff", b"0\x03\x02\x01\x03", b"0\x80" * 100)
IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
Rows = list[tuple[str, object]]


@contextmanager
def answering(*answers: bytes) -> Iterator[SnmpAgent]:
    """Somebody who answers every question with these, and with what was asked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                asked, whom = opened.recvfrom(4_096)
                if asked == b"end":
                    return
                for one in (*answers, asked, asked[:-3]):
                    opened.sendto(one, whom)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield SnmpAgent("rt1", "127.0.0.1", opened.getsockname()[1], timeout=0.2)
        finally:
            opened.sendto(b"end", opened.getsockname())
            thread.join()


def test_what_is_no_snmp_is_no_answer_and_leaves_no_trace(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Anybody can send it: it neither ends the reading nor writes a traceback."""
    with (
        caplog.at_level(logging.DEBUG),
        answering(*GARBAGE) as agent,
        pytest.raises(CountersUnread, match="no answer by SNMP"),
    ):
        read_port_counters(agent, USER, ["wan0"])
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (SnmpUser("tsunagu", "12345678", "short"), "at least 8 characters"),
        (SnmpUser("tsunagu", "\u79d8\u5bc6\u306e\u5408\u8a00\u8449\u3067\u3059\u3088", "12345678"), "ASCII alone"),
        (SnmpUser("t" * 33, "12345678", "12345678"), "at most 32 characters"),
    ],
)
def test_a_user_that_snmp_cannot_say_is_not_tried(user: SnmpUser, said: str) -> None:
    with pytest.raises(CountersUnread, match=said) as refused:
        read_port_counters(SnmpAgent("rt1", "127.0.0.1", 1), user, ["wan0"])
    assert user.authentication not in str(refused.value)
    assert refused.value.__cause__ is None


def answer_with(monkeypatch: pytest.MonkeyPatch, names: Rows, counters: Rows | None = None) -> None:
    """Let an agent of this user have these names of ports; it answers with all its counters, or with those."""

    async def answer_bulk(*_: object, **__: object) -> tuple[None, int, int, Rows]:
        return None, 0, 0, names

    async def answer_get(*asked: object, **_: object) -> tuple[None, int, int, Rows]:
        own: Rows = [(one, Counter64(7)) for one in asked if isinstance(one, str)]
        return None, 0, 0, own if counters is None else counters

    for one in ("ObjectType", "ObjectIdentity"):
        monkeypatch.setattr(snmp_reader, one, str)
    monkeypatch.setattr(snmp_reader, "bulk_cmd", answer_bulk)
    monkeypatch.setattr(snmp_reader, "get_cmd", answer_get)


WAN0: Rows = [(f"{IF_NAME}.3", OctetString("wan0")), ("1.3.6.1.2.1.31.1.1.1.2.1", Counter32(0))]


def test_counters_are_those_of_the_port_s_number(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, WAN0)
    found = read_port_counters(SnmpAgent("rt1", "127.0.0.1"), USER, ["wan0", "wan0"])["wan0"]
    assert (found.octets_in, found.octets_out, found.uptime, found.speed) == (7, 7, 7, 7_000_000)


@pytest.mark.parametrize(
    ("names", "counters", "said"),
    [
        ([(f"{IF_NAME}.3", Integer32(2_000_000_000))], None, "has no port wan0"),
        ([(f"{IF_NAME}.3.1", OctetString("wan0"))], None, "has no port wan0"),
        (WAN0, [("1.3.6.1.2.1.1.3.0", Counter64(7))], "what was not asked"),
        (WAN0, [(f"1.3.6.1.2.1.1.{n}.0", Counter64(7)) for n in range(9)], "what was not asked"),
        (WAN0, [], "what was not asked"),
    ],
)
def test_an_agent_that_answers_something_else_has_no_figure(
    monkeypatch: pytest.MonkeyPatch, names: Rows, counters: Rows | None, said: str
) -> None:
    answer_with(monkeypatch, names, counters)
    with pytest.raises(CountersUnread, match=said):
        read_port_counters(SnmpAgent("rt1", "127.0.0.1"), USER, ["wan0"])


def test_an_agent_that_is_always_late_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer_never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(snmp_reader, "_MOST_SECONDS", 0.1)
    monkeypatch.setattr(snmp_reader, "bulk_cmd", answer_never)
    with pytest.raises(CountersUnread, match="too slowly"):
        read_port_counters(SnmpAgent("rt1", "127.0.0.1"), USER, ["wan0"])

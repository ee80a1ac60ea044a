"""What a device sends in pieces, late or in bursts is given to the line that it answers, and to no other."""

from __future__ import annotations

import re
from collections import deque
from random import Random
from types import SimpleNamespace

import pytest

from controller.errors import CommandFailed, DeviceUnreachable
from controller.platforms.base import Command, Reply
from controller.platforms.transport.cli_session import CliSession, Patience

PROMPT = b"core1#"
LONG = Patience(show=600.0, line=600.0, quiet=0.0)
"""Nothing here waits so long: where nothing is left to come, the channel fails the test."""
TOO_LATE = None
"""In the place of a piece: the SSH library says that the time is over."""


Pieces = list[bytes | None]


class Channel:
    """A channel whose device has an answer for each line; `pieces` are what `recv` returns, one after the other."""

    def __init__(self, pieces: Pieces, answers: dict[str, Pieces] | None = None) -> None:
        self.pieces: deque[bytes | None] = deque(pieces)
        self.answers = {} if answers is None else answers
        self.typed: list[str] = []
        self.timeout = 0.0

    def begin_command(self) -> None:
        """Count nothing."""

    def refuse_overrun(self, device: str) -> None:
        """Refuse nothing."""

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def sendall(self, data: bytes) -> None:
        self.typed.append(data.decode().rstrip("\n"))
        self.pieces += self.answers.get(self.typed[-1], [])

    def recv(self, _most: int) -> bytes:
        if not self.pieces:
            assert self.timeout <= 0, f"a wait for something that never comes, behind {self.typed[-1:]}"
            raise TimeoutError
        piece = self.pieces.popleft()
        if piece is TOO_LATE:
            raise TimeoutError
        return piece

    def close(self) -> None:
        """Nothing to close."""


def converse(
    answers: dict[str, Pieces], *, late: Pieces | None = None, patience: Patience = LONG
) -> tuple[CliSession, Channel]:
    """Return a session whose prompt is learnt; `late` comes behind that, before the first line is repeated."""
    channel = Channel([], {"": [b"\r\n" + PROMPT, TOO_LATE], **answers})
    connection = SimpleNamespace(remote_conn=channel, strip_ansi_escape_codes=lambda text: text)
    session = CliSession("core1", connection, channel, patience)  # type: ignore[arg-type] # what is used of both
    session.prepare("", None)
    channel.pieces += late or []
    return session, channel


def answer(line: str, said: str = "", prompt: bytes = PROMPT) -> Pieces:
    return [line.encode() + b"\r\n" + said.replace("\n", "\r\n").encode() + prompt]


@pytest.mark.parametrize(
    "late",
    [
        [b"\r\ncore1#"],
        [b"\r\ncore1#", b"\r\n", b"core1#"],
        [b"\r\ncore1", b"#"],
        [b"\r\n% Invalid input detected at '^' marker.\r\n\r\ncore1#"],
        [b"terminal length 0\r\ncore1#"],
        [b"\r\n*Nov 29 13:00:00: %SYS-5-CONFIG_I: Configured from console by vty0 (show clock)\r\n\r\ncore1#"],
    ],
    ids=[
        "a prompt",
        "two prompts",
        "a prompt in pieces",
        "a refusal of the width",
        "an echo of the pager",
        "a log line",
    ],
)
def test_what_comes_late_is_no_answer(late: Pieces) -> None:
    session, _ = converse({"show clock": answer("show clock", "10:00:00\n")}, late=late)
    assert session.run(Command("show clock")).reveal() == "10:00:00\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [PROMPT, b"\r\ncore1#", TOO_LATE],
        [b"Welcome\r\n", PROMPT, b"\r\n", b"core1#", TOO_LATE],
        [PROMPT, b"\r\n*Nov 29 13:00:00: %SYS-5-CONFIG_I: ready\r\n\r\n", b"core1#", TOO_LATE],
    ],
    ids=["the answer to the empty line", "a welcome", "a log line"],
)
def test_a_prompt_that_comes_behind_a_prompt_is_not_waited_for_again(pieces: Pieces) -> None:
    channel = Channel([], {"": pieces, "show clock": answer("show clock", "10:00:00\n")})
    connection = SimpleNamespace(remote_conn=channel, strip_ansi_escape_codes=lambda text: text)
    session = CliSession("core1", connection, channel, LONG)  # type: ignore[arg-type] # what is used of both
    session.prepare("", None)
    assert session.run(Command("show clock")).reveal() == "10:00:00\n"


@pytest.mark.parametrize(
    "line",
    [
        "description [confirm]",
        "description core1#",
        "description Password:",
        "remark Overwrite? [yes/no]:",
        "description " + "x" * 70,
        "end",
    ],
)
def test_an_echo_is_neither_a_question_nor_a_prompt(line: str) -> None:
    whole = b"".join(piece or b"" for piece in answer(line, prompt=b"core1(config-if)#"))
    pieces: Pieces = [whole[at : at + 1] for at in range(len(whole))]
    session, channel = converse({line: pieces, "exit": answer("exit")})
    assert session.run(Command(line)).reveal() == ""
    assert session.run(Command("exit")).reveal() == ""
    assert not channel.pieces


def test_a_wrapped_echo_behind_a_late_prompt_is_found() -> None:
    line = "access-list hardware TSN-20-from-4-4e0f29f9"
    pieces: Pieces = [
        b"\r\ncore1#",
        b"access-list hardware TSN-\r\n",
        b"20-from-4-4e0f\x08\r\n29f9",
        b"\r\ncore1#",
    ]
    session, _ = converse({line: pieces})
    assert session.run(Command(line)).reveal() == ""


@pytest.mark.parametrize(
    "said", [b"vlan 1\r\ncore1#", b"vlan 100\r\ncore1#", b"core1#vlan 1\r\ncore1#", b"nonsense\r\ncore1#"]
)
def test_another_echo_ends_the_session_at_once(said: bytes) -> None:
    session, _ = converse({"end": answer("end"), "vlan 10": [said]})
    session.run(Command("end"))
    with pytest.raises(CommandFailed, match="the device did not repeat the line, but said"):
        session.run(Command("vlan 10"))
    with pytest.raises(DeviceUnreachable, match="it did not repeat what was typed"):
        session.run(Command("end"))


def test_a_device_that_repeats_nothing_is_given_up_after_its_time() -> None:
    session, _ = converse({"vlan 10": [b"\r\ncore1#"]}, patience=Patience(show=0.0, line=0.0, quiet=0.0))
    with pytest.raises(DeviceUnreachable, match="no prompt came in time; the line was not shown"):
        session.run(Command("vlan 10"))


def test_the_library_is_not_believed_that_the_time_is_over() -> None:
    # It counts by the wall clock: one that is set ahead ends every wait at once.
    session, _ = converse({"show clock": [TOO_LATE, b"show clock\r\n", TOO_LATE, b"10:00:00\r\n", TOO_LATE, PROMPT]})
    assert session.run(Command("show clock")).reveal() == "10:00:00\n"


def test_what_came_at_the_last_moment_counts() -> None:
    patience = Patience(show=0.0, line=0.0, quiet=0.0)
    session, _ = converse({"vlan 10": answer("vlan 10")}, patience=patience)
    assert session.run(Command("vlan 10")).reveal() == ""


def test_a_prompt_of_another_host_is_told() -> None:
    patience = Patience(show=0.0, line=0.0, quiet=0.0)
    session, _ = converse({"vlan 10": answer("vlan 10", prompt=b"other(config-vlan)#")}, patience=patience)
    with pytest.raises(CommandFailed, match="its prompt became"):
        session.run(Command("vlan 10"))


CONVERSATION: tuple[tuple[str, str, bytes], ...] = (
    ("show running-config", "hostname core1\nend\n", PROMPT),
    ("configure terminal", "Enter configuration commands, one per line.  End with CNTL/Z.\n", b"core1(config)#"),
    *((f"name bench-{number}", "", b"core1(config-vlan)#") for number in range(100, 120)),
    ("end", "", PROMPT),
    ("write memory", "Building configuration...\n[OK]\n", PROMPT),
)


def cut(draw: Random, whole: bytes) -> Pieces:
    """Return bytes in odd pieces, some of them behind a wait."""
    pieces: Pieces = []
    while whole:
        size = draw.choice((1, 1, 2, 3, 7, 40, len(whole)))
        pieces += [TOO_LATE] * (not draw.randrange(4)) + [whole[:size]]
        whole = whole[size:]
    return pieces


@pytest.mark.parametrize("seed", range(20))
def test_every_line_gets_its_own_answer_however_it_is_cut(seed: int) -> None:
    draw = Random(seed)  # noqa: S311 inputs, no secrets
    for _ in range(20):
        late = cut(draw, b"\r\ncore1#" * draw.randrange(3))
        answers = {
            line: cut(draw, b"".join(piece or b"" for piece in answer(line, said, prompt)))
            for line, said, prompt in CONVERSATION
        }
        # A pause behind a prompt that is the end is the end: what follows belongs to the next line.
        session, channel = converse(answers, late=late)
        for line, said, _ in CONVERSATION:
            assert session.run(Command(line)).reveal() == said
        assert not channel.pieces


def test_a_question_behind_the_echo_is_answered_once() -> None:
    answers: dict[str, Pieces] = {
        "reload": [b"reload\r\nProceed with reload? [con", b"firm]"],
        "": [b"\r\ncore1#", TOO_LATE],
    }
    session, channel = converse(answers)
    channel.answers["y"] = [b"y\r\n*** scheduled\r\ncore1#"]
    session.run(Command("reload", replies=(Reply(re.escape("[confirm]"), "y"),)))
    assert channel.typed[-1] == "y"

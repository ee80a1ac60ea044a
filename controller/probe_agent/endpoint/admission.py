"""Who may test when: enrolled probes alone, so many tests at once, and so many an hour from one school."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from controller.probe_agent.endpoint.enrolled_hashes import EnrolledHashes
from controller.probe_agent.throughput_protocol.proofs import Challenges, is_proof

MOST_STREAMS = 16
JOIN_SECONDS = 3.0
"""All streams of a test are asked for at once: who adds one later makes its test longer than others wait for."""
MOST_TESTS_AN_HOUR = 240
"""Of one school: 8 paths in two directions every four minutes."""
_HOUR = 3_600.0
_KEPT = 32
"""How many tests' reports are kept: each is asked for as soon as its test is over."""


class NotAdmitted(Exception):
    """A request that is not served, with HTTP's number for why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class StreamReport:
    """What this end saw of one stream: what arrived until when, and what its own sender had to do."""

    samples: list[tuple[float, int]] = field(default_factory=list)
    segments: int = 0
    retransmitted: int = 0
    window: int = 0


@dataclass
class RunningTest:
    """A test: its streams, of which so many are open."""

    school: str
    began: float
    streams: list[StreamReport] = field(default_factory=list)
    open_streams: int = 0


class Admission:
    """The tests of an endpoint. All methods may be called by any thread."""

    def __init__(self, enrolled: EnrolledHashes, at_once: int, clock: Callable[[], float]) -> None:
        self._enrolled = enrolled
        self._at_once = at_once
        self._clock = clock
        self._challenges = Challenges()
        self._changed = threading.Condition()
        self._tests: dict[str, RunningTest] = {}
        self._begun: dict[str, deque[float]] = {}

    def issue_challenge(self, school: str) -> str:
        """What a probe must answer before it may test; who is not enrolled gets one, too, and learns nothing by it."""
        return self._challenges.issue_challenge(school, self._clock())

    def begin_stream(self, school: str, challenge: str, proof: str) -> StreamReport:
        """Let a stream of a test begin; the first one begins the test.

        Raises:
            NotAdmitted: it is not an enrolled probe's, its test is over or began long ago, another one runs, or there
                were too many.
        """
        self._check_proof(school, challenge, proof)
        now = self._clock()
        with self._changed:
            if not self._challenges.is_valid(school, challenge, now):
                raise NotAdmitted(403, "the challenge is too old, or is none of this endpoint's; ask for another")
            running = self._tests.get(challenge)
            if running is None:
                self._count_test(school, now)
                running = self._tests[challenge] = RunningTest(school, now)
                self._forget_oldest()
            elif running.open_streams == 0:
                raise NotAdmitted(403, "this test is over; ask for another challenge")
            if now - running.began > JOIN_SECONDS:
                raise NotAdmitted(403, f"this test began more than {JOIN_SECONDS:g} s ago; it takes no more streams")
            if len(running.streams) >= MOST_STREAMS:
                raise NotAdmitted(429, f"a test has at most {MOST_STREAMS} streams")
            report = StreamReport()
            running.streams.append(report)
            running.open_streams += 1
            return report

    def end_stream(self, challenge: str) -> None:
        """Note that a stream is over."""
        with self._changed:
            if challenge in self._tests:
                self._tests[challenge].open_streams -= 1
            self._changed.notify_all()

    def take_report(self, school: str, challenge: str, proof: str, within: float) -> RunningTest:
        """A test of this school, when all its streams are over or the time is.

        Raises:
            NotAdmitted: it is not an enrolled probe's, or there was no such test.
        """
        self._check_proof(school, challenge, proof)
        with self._changed:
            found = self._tests.get(challenge)
            if found is None or found.school != school:
                raise NotAdmitted(404, "there was no such test")
            self._changed.wait_for(lambda: found.open_streams == 0, within)
            return found

    def _check_proof(self, school: str, challenge: str, proof: str) -> None:
        known = self._enrolled.find_hash(school)
        # One answer for both: nobody learns here which schools have a probe.
        if not is_proof(known or "", challenge, proof) or known is None:
            raise NotAdmitted(
                403, "it is not an enrolled probe's; see 'tsunagu probe list' and the copy of its list here"
            )

    def _count_test(self, school: str, now: float) -> None:
        if sum(one.open_streams > 0 for one in self._tests.values()) >= self._at_once:
            raise NotAdmitted(503, "busy with another test")
        begun = self._begun.setdefault(school, deque())
        while begun and now - begun[0] > _HOUR:
            begun.popleft()
        if len(begun) >= MOST_TESTS_AN_HOUR:
            raise NotAdmitted(429, f"{MOST_TESTS_AN_HOUR} tests of this school in an hour are enough")
        begun.append(now)

    def _forget_oldest(self) -> None:
        over = [challenge for challenge, one in self._tests.items() if one.open_streams == 0]
        for challenge in over[: max(0, len(self._tests) - _KEPT)]:
            del self._tests[challenge]

"""What held a test of throughput back: the line itself, or the loss or the delay that TCP cannot get over in its time.

Over a line that loses packets or is far away TCP does not fill the line in a test of seconds. Its figure is then what
a person would get, and says nothing of what the line could carry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf

from pydantic import BaseModel, Field

from controller.measure.measurement import IDLE_MS, QUEUED_MS, RETRANSMITTED, SEGMENTS
from controller.measure.probes.loss_interval import LossCount
from controller.probe_agent.throughput_protocol.sender_limits import ThroughputLimit, find_sender_limit

__all__ = ["ThroughputLimit", "find_throughput_limit", "sum_retransmissions", "summarize_sender"]

_CWND = re.compile(r"^\[ {0,4}[0-9]{1,6}\] .{1,80} ([0-9]{1,6}(?:\.[0-9]{1,4})?) ([KMG]?)Bytes {0,20}$")
"""A stream's row in what an iperf3 server says: its last column is the congestion window."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST_ROWS = 4096


class _Sent(BaseModel):
    bytes: int = Field(default=0, ge=0, le=1 << 60)
    retransmits: int | None = Field(default=None, ge=0, le=1 << 60)


class _End(BaseModel):
    sum_sent: _Sent = _Sent()


class _Start(BaseModel):
    tcp_mss_default: int = Field(default=1448, ge=88, le=65535)


class _Stream(BaseModel):
    snd_cwnd: int = Field(default=0, ge=0, le=1 << 60)


class _Interval(BaseModel):
    streams: tuple[_Stream, ...] = ()


class _SenderReport(BaseModel):
    """What iperf3 says of the sender: its retransmissions, and its congestion windows as the test went on."""

    start: _Start = _Start()
    intervals: tuple[_Interval, ...] = ()
    end: _End = _End()

    def build_figures(self, server: str, mbps: float, idle_ms: float | None) -> dict[str, float]:
        figures: dict[str, float] = {} if idle_ms is None else {IDLE_MS: idle_ms}
        if self.end.sum_sent.retransmits is not None and self.end.sum_sent.bytes:
            figures[SEGMENTS] = max(1, self.end.sum_sent.bytes // self.start.tcp_mss_default)
            figures[RETRANSMITTED] = min(self.end.sum_sent.retransmits, figures[SEGMENTS])
        window = self._window(server)
        if window and mbps > 0:
            figures[QUEUED_MS] = 8 * window / (1000 * mbps)
        return figures

    def _window(self, server: str) -> float:
        """The bytes in all the streams' windows at the end of the test."""
        found = [_CWND.match(row) for row in server.splitlines()[:_MOST_ROWS]]
        rows = [float(one[1]) * _UNITS[one[2]] for one in found if one]
        if rows:  # a download: the server was the sender; of its rows the last ones, one a stream
            streams = len(self.intervals[-1].streams) if self.intervals else 1
            return sum(rows[-max(1, streams) :])
        return sum(one.snd_cwnd for one in self.intervals[-1].streams) if self.intervals else 0


def summarize_sender(said: Mapping[str, object], mbps: float, idle_ms: float | None) -> dict[str, float]:
    """The figures that say what held a sender back, as far as iperf3 told them in its JSON.

    The windows over the throughput are the time that what was sent took: beyond the idle round trip it waited in the
    line's own queue, which only a filled line has.

    >>> summarize_sender({"end": {"sum_sent": {"bytes": 2896000, "retransmits": 4}}}, 11.5, 20.0)
    {'idle-ms': 20.0, 'segments': 2000, 'retransmitted': 4}
    """
    try:
        return _SenderReport.model_validate(said).build_figures(str(said.get("server_output_text", "")), mbps, idle_ms)
    except ValueError:
        return {}  # a part of it comes from the far end; the throughput itself was understood


def sum_retransmissions(figures: Mapping[str, float]) -> LossCount:
    """The segments that TCP sent again, of those that it sent.

    >>> str(sum_retransmissions({"segments": 7000, "retransmitted": 51}))
    '0.73% (0.55% to 0.96%, 51 of 7000)'
    """
    return LossCount(int(figures.get(RETRANSMITTED, 0)), int(figures.get(SEGMENTS, 0)))


def find_throughput_limit(figures: Mapping[str, float], seconds: float) -> ThroughputLimit | None:
    """What held a test of so many seconds back, beside the line; None where that was the line, or nobody knows.

    >>> lossy = {"segments": 7000, "retransmitted": 51, "idle-ms": 20.4, "queued-ms": 18.5}
    >>> find_throughput_limit(lossy, 2)
    <ThroughputLimit.LOSS: 'loss'>
    >>> find_throughput_limit({**lossy, "retransmitted": 0, "idle-ms": 300.0, "queued-ms": 2000.0}, 2)
    <ThroughputLimit.DELAY: 'delay'>
    >>> find_throughput_limit({**lossy, "queued-ms": 92.0}, 2) is None  # the line's own queue was full
    True
    """
    again = sum_retransmissions(figures).ratio
    return find_sender_limit(again, figures.get(IDLE_MS), figures.get(QUEUED_MS, inf), seconds)

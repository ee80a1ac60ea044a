"""What held a test of throughput back: the line itself, or the loss or the delay that TCP cannot get over in its time.

Over a line that loses packets or is far away TCP does not fill the line in a test of seconds. Its figure is then what
a person would get, and says nothing of what the line could carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from controller.measure.measurement import IDLE_MS, QUEUED_MS, RETRANSMITTED, SEGMENTS
from controller.measure.probes.loss_interval import LossCount
from controller.probe_agent.throughput_protocol.iperf3_sender import count_iperf3_sender
from controller.probe_agent.throughput_protocol.sender_limits import ThroughputLimit, find_sender_limit

__all__ = ["ThroughputLimit", "find_throughput_limit", "sum_retransmissions", "summarize_sender"]


def summarize_sender(said: Mapping[str, object], mbps: float, idle_ms: float | None) -> dict[str, float]:
    """The figures that say what held a sender back, as far as iperf3 told them in its JSON.

    The windows over the throughput are the time that what was sent took: beyond the idle round trip it waited in the
    line's own queue, which only a filled line has.

    >>> summarize_sender({"end": {"sum_sent": {"bytes": 2896000, "retransmits": 4}}}, 11.5, 20.0)
    {'idle-ms': 20.0, 'segments': 2000, 'retransmitted': 4}
    """
    sender = count_iperf3_sender(said)
    if sender is None:
        return {}  # a part of it comes from the far end; the throughput itself was understood
    figures: dict[str, float] = {} if idle_ms is None else {IDLE_MS: idle_ms}
    if sender.segments is not None:
        figures |= {SEGMENTS: sender.segments, RETRANSMITTED: sender.retransmitted}
    if sender.window and mbps > 0:
        figures[QUEUED_MS] = 8 * sender.window / (1000 * mbps)
    return figures


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

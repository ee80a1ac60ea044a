"""What iperf3 says of whoever sent in its test: the segments, those sent again, and its windows at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_CWND = re.compile(r"^\[ {0,4}[0-9]{1,6}\] .{1,80} ([0-9]{1,6}(?:\.[0-9]{1,4})?) ([KMG]?)Bytes {0,20}$")
"""A stream's row in what an iperf3 server says: its last column is the congestion window."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST_ROWS = 4096
_MOST = 1 << 60
_USUAL_SEGMENT, _LEAST_SEGMENT, _MOST_SEGMENT = 1448, 88, 65_535


@dataclass(frozen=True, slots=True)
class Iperf3Sender:
    """What the sender did; None and 0 where iperf3 does not say. `window`: bytes in all its streams' windows."""

    segments: int | None
    retransmitted: int
    window: float


def count_iperf3_sender(said: Mapping[str, object]) -> Iperf3Sender | None:
    """What iperf3's JSON says of the sender; None where a part of it, which may be from the far end, is nonsense.

    >>> count_iperf3_sender({"end": {"sum_sent": {"bytes": 2896000, "retransmits": 4}}})
    Iperf3Sender(segments=2000, retransmitted=4, window=0)
    """
    try:
        sent = _take_part(_take_part(said, "end"), "sum_sent")
        carried, again = _take_count(sent, "bytes"), _take_count(sent, "retransmits")
        segment = _take_count(_take_part(said, "start"), "tcp_mss_default", _USUAL_SEGMENT)
        if not _LEAST_SEGMENT <= segment <= _MOST_SEGMENT:
            return None
        segments = max(1, carried // segment) if carried and sent.get("retransmits") is not None else None
        return Iperf3Sender(segments, min(again, segments or 0), _sum_windows(said))
    except (TypeError, ValueError):
        return None


def _sum_windows(said: Mapping[str, object]) -> float:
    """The bytes in all the streams' windows at the end of the test."""
    intervals = _take_list(said, "intervals")
    streams = _take_list(intervals[-1], "streams") if intervals else []
    rows = [_CWND.match(row) for row in str(said.get("server_output_text", "")).splitlines()[:_MOST_ROWS]]
    found = [float(one[1]) * _UNITS[one[2]] for one in rows if one]
    if found:  # a download: the server was the sender; of its rows the last ones, one a stream
        return sum(found[-max(1, len(streams)) :])
    return sum(_take_count(one, "snd_cwnd") for one in streams)


def _take_part(said: object, name: str) -> Mapping[str, object]:
    found = said.get(name, {}) if isinstance(said, Mapping) else None
    if not isinstance(found, Mapping):
        message = f"{name} is no object"
        raise TypeError(message)
    return found


def _take_list(said: object, name: str) -> Sequence[object]:
    found = said.get(name, []) if isinstance(said, Mapping) else None
    if not isinstance(found, list):
        message = f"{name} is no list"
        raise TypeError(message)
    return found


def _take_count(said: object, name: str, usual: int = 0) -> int:
    found = said.get(name) if isinstance(said, Mapping) else -1
    if found is None:
        return usual
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= _MOST:
        message = f"{name} is no count"
        raise ValueError(message)
    return found

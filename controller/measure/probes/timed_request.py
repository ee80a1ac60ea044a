"""Times one request to a target, and says why where there is no good answer; what DNS and HTTP probes share."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception

from controller.measure.measurement import DURATION_MS, MeasurementKind, ProbeOutcome, ProbeResult

DATAGRAM_BYTES = 4096
"""Read at once from a socket."""


class WrongAnswer(Exception):
    """Somebody answers, and not what was asked for."""


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """What came back, and the time from the first packet until then; making the socket is not in it."""

    raw: str
    seconds: float


def time_request(
    kind: MeasurementKind, target: str, method: str, setting: str, ask: Callable[[], TimedAnswer]
) -> ProbeResult:
    """Ask, and give the time that the answer took, or why there is none. `setting` is the target's in the policy."""
    see = f"see {setting} in policies/measurement.yaml"
    try:
        answer = ask()
    except TimeoutError:
        return ProbeResult(kind, ProbeOutcome.NO_ANSWER, target, method, reason=f"no answer from {target} in time")
    except ConnectionError as error:
        reason = f"nothing listens at {target} ({error.strerror or error}); {see}, or start it there"
        return ProbeResult(kind, ProbeOutcome.REFUSED, target, method, reason=reason)
    except ssl.SSLError as error:
        return ProbeResult(kind, ProbeOutcome.REFUSED, target, method, reason=f"{target}: {error}; {see}")
    except OSError as error:
        gone = error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ENODEV)
        outcome = ProbeOutcome.NO_ANSWER if gone else ProbeOutcome.FAILED
        return ProbeResult(kind, outcome, target, method, reason=f"{target}: {error.strerror or error}")
    except (WrongAnswer, dns.exception.DNSException) as error:
        said = str(error) or "what answers is not understood"
        return ProbeResult(kind, ProbeOutcome.REFUSED, target, method, reason=f"{target}: {said}; {see}")
    return ProbeResult(
        kind, ProbeOutcome.MEASURED, target, method, {DURATION_MS: 1000 * answer.seconds}, raw=answer.raw
    )

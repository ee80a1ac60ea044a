"""Sends results to the monitor: out only, over TLS (or on this machine), with the school's token and certificate."""

from __future__ import annotations

import gzip
import http.client
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from controller.probe_agent.configuration import Configuration, load_identity
from controller.probe_agent.otlp_encoding import encode_metrics, read_refusal, read_status
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.result_store import Result
from controller.probe_agent.version import VERSION
from controller.telemetry.registry import METRICS

SLOTS_PATH = "/v1/slots"
_TIMEOUT_SECONDS = 20.0
_MOST_ANSWER = 64 * 1024
PROTOBUF = "application/x-protobuf"
SHOWS_CERTIFICATE = "tsunagu-probe"
"""Said where TLS begins (ALPN): who says so is asked for a certificate, and no reader's browser ever is."""
_ALERT = "_ALERT_"
_ALERTS = {
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it has ended",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it is not valid yet by the monitor's clock",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it is none that a probe may show",
    "TLSV1_ALERT_UNKNOWN_CA": "it is of an authority that the monitor does not have",
}
"""What a monitor says while TLS begins, before it answers anything."""
_LATER = frozenset({401, 403, 404, 408, 421, 425, 429})
"""Not the request's own fault: a token that is revoked or not known yet, a proxy set up wrongly, too much at once."""
_OK, _CLIENT, _SERVER = 200, 400, 500


class Reception(Enum):
    """What became of a request: the monitor has it, will never take it, or must be asked again later."""

    TAKEN = "taken"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Answer:
    """A request's reception; `reason` is for people. `refused` counts the results in it that are not wanted."""

    reception: Reception
    reason: str = ""
    refused: int = 0


@dataclass(frozen=True, slots=True)
class ProbeStatus:
    """What a probe says of itself with each request."""

    waiting: int
    dropped: int
    update: str
    slots_until: float | None = None
    """Until when its planned tests are known, by the monitor's clock; 0: none are; None: it does not go by them."""


def build_tls(ca: str, identity: str = "") -> ssl.SSLContext:
    """How the other end is known: by the given certificate alone, or by those of the system; and what is shown to it.

    Raises:
        ssl.SSLError: the certificate is none.
    """
    context = ssl.create_default_context(cadata=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if identity:
        load_identity(context, identity)
        context.set_alpn_protocols([SHOWS_CERTIFICATE, "http/1.1"])
    return context


class Sender:
    """Sends to one monitor; a connection for each request, so that a half-dead one is never waited for."""

    def __init__(self, configuration: Configuration, clock: Callable[[], float]) -> None:
        self._configuration = configuration
        self._clock = clock
        self._url = urlsplit(configuration.monitor)
        is_tls = self._url.scheme == "https"
        self._tls = build_tls(configuration.ca, configuration.identity) if is_tls else None

    def send(self, results: Sequence[Result], status: ProbeStatus) -> Answer:
        """Send results once; never raises for what the network or the monitor does."""
        connection = self._connect()
        try:
            connection.connect()
            with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                # Who refuses says why, and closes, before all of it is sent: what was said is read then.
                connection.request("POST", "/v1/metrics", self._pack(results), self._write_headers(status))
            with connection.getresponse() as answer:
                kind = answer.headers.get_content_type()
                return _judge(answer.status, kind, answer.read(_MOST_ANSWER))
        except ssl.SSLCertVerificationError as error:
            reason = f"cannot be reached: its certificate is refused ({error.verify_message})"
            advice = "renew the monitor's certificate, or enrol the school again with its authority (--ca)"
            return Answer(Reception.LATER, f"{self._configuration.monitor} {reason}; {advice}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if _ALERT in (said := str(getattr(error, "reason", ""))):
                why = _ALERTS.get(said, said.rpartition(_ALERT)[2].lower().replace("_", " "))
                again = f"enrol the school again (tsunagu probe enrol {self._configuration.school})"
                refused = f"{self._configuration.monitor} refuses this probe's certificate ({why}); {again}"
                return Answer(Reception.LATER, refused)
            reason = str(getattr(error, "strerror", None) or error or type(error).__name__)
            return Answer(Reception.LATER, f"{self._configuration.monitor} cannot be reached ({reason})")
        finally:
            connection.close()

    def ask_slots(self) -> bytes:
        """The planned tests of this school, as the monitor has them now.

        Raises:
            ProbeProblem: the monitor gives none; says why.
        """
        connection = self._connect()
        try:
            connection.request("GET", SLOTS_PATH, headers={"Authorization": f"Bearer {self._configuration.token}"})
            with connection.getresponse() as answer:
                body, status = answer.read(_MOST_ANSWER + 1), answer.status
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"the monitor gives no planned tests ({getattr(error, 'strerror', None) or error})"
            raise ProbeProblem(message) from None
        finally:
            connection.close()
        if status != _OK:
            message = f"the monitor gives no planned tests: it answers {status} to GET {SLOTS_PATH}"
            raise ProbeProblem(message)
        return body

    def _connect(self) -> http.client.HTTPConnection:
        host, port = str(self._url.hostname), self._url.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=self._tls)

    def _pack(self, results: Sequence[Result]) -> bytes:
        resource = {
            "service.name": "tsunagu-probe",
            "service.version": VERSION,
            "service.instance.id": f"probe-{self._configuration.school}",
        }
        known = [one for one in results if one.metric in METRICS]
        units = {one.metric: METRICS[one.metric].unit for one in known}
        return gzip.compress(encode_metrics(resource, known, units), mtime=0)

    def _write_headers(self, status: ProbeStatus) -> dict[str, str]:
        slots = {} if status.slots_until is None else {"Tsunagu-Slots-Until": f"{status.slots_until:.0f}"}
        return {
            **slots,
            "Authorization": f"Bearer {self._configuration.token}",
            "Content-Type": PROTOBUF,
            "Content-Encoding": "gzip",
            "User-Agent": f"tsunagu-probe/{VERSION}",
            "Tsunagu-Sent": f"{self._clock():.3f}",
            "Tsunagu-Waiting": str(status.waiting),
            "Tsunagu-Dropped": str(status.dropped),
            "Tsunagu-Update": status.update,
        }


def _judge(status: int, kind: str, body: bytes) -> Answer:
    if status == _OK and kind != PROTOBUF:
        # A page of a proxy: who has not said so in OTLP's words has nothing of it.
        return Answer(Reception.LATER, f"what answers is no monitor ({kind}); is the proxy before it set up?")
    if status == _OK:
        count, reason = read_refusal(body)
        return Answer(Reception.TAKEN, reason, count)
    said = f"the monitor answers {status}: {read_status(body) if kind == PROTOBUF else _read_text(body)}"
    if _CLIENT <= status < _SERVER and status not in _LATER:
        return Answer(Reception.REFUSED, said)
    return Answer(Reception.LATER, said)


def _read_text(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace").strip()

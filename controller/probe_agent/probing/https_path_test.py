"""A path's throughput by HTTPS, with the probe's own settings; refused as a figure where another line carried it."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from controller.probe_agent.configuration import Configuration, ProbedPath
from controller.probe_agent.probing.bound_socket import open_bound_socket
from controller.probe_agent.probing.https_throughput import (
    NO_ROOM,
    EndpointRefused,
    HttpsRate,
    HttpsTest,
    measure_https_rate,
)
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.probing.throughput import BUSY_SECONDS
from controller.probe_agent.problems import tell
from controller.probe_agent.sender import build_tls
from controller.probe_agent.throughput_protocol.pages import MOST_SECONDS
from controller.probe_agent.throughput_protocol.proofs import hash_token
from controller.probe_agent.throughput_protocol.rates import NoRate

_STATISTICS = Path("/sys/class/net")


def measure_path_by_https(
    configuration: Configuration, path: ProbedPath, direction: str, patience: float = BUSY_SECONDS
) -> HttpsRate | SlotOutcome:
    """A test in one direction; why not, where it came to nothing, which is told, too."""
    wanted = configuration.throughput
    test = HttpsTest(
        address=path.target,
        port=wanted.https_port,
        host=wanted.https_host,
        tls=build_tls(configuration.ca),
        seconds=min(wanted.seconds, MOST_SECONDS),
        streams=wanted.streams,
        connect_within=wanted.connect_within,
        patience=patience,
    )
    where = f"{direction} over {path.line} to {path.region} ({path.family}) by HTTPS"
    before = sum_interface_bytes(path.interface)
    try:
        found = measure_https_rate(
            lambda: open_bound_socket(path, socket.SOCK_STREAM),
            configuration.school,
            hash_token(configuration.token),
            direction,
            test,
        )
    except (EndpointRefused, NoRate) as why:
        tell(f"{where} is not measured: {why}")
        is_busy = isinstance(why, EndpointRefused) and why.status == NO_ROOM
        return SlotOutcome.BUSY if is_busy else SlotOutcome.NO_ANSWER
    except OSError as error:
        tell(f"{where} is not measured: {describe_error(error, test)}")
        return SlotOutcome.NO_ANSWER
    after = sum_interface_bytes(path.interface)
    if before is not None and (after is None or after - before < found.carried):
        tell(f"{where} is not measured: {path.interface} did not carry its bytes, so it is another line's figure")
        return SlotOutcome.NO_ANSWER
    return found


def describe_error(error: OSError, test: HttpsTest) -> str:
    """Why there was no test, in words for people."""
    where = f"{test.address} port {test.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where} shows a certificate that is not {test.host or test.address}'s ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"{where} does not answer in time"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return f"{where} closed the connection: it was stopped, has no room for more, or is no measuring endpoint"
    if isinstance(error, ssl.SSLError):
        return f"{where} speaks no TLS that this probe takes ({error.reason}); is a measuring endpoint there?"
    return f"{where}: {error.strerror or error}"


def sum_interface_bytes(interface: str) -> int | None:
    """Bytes that an interface has received and sent; None where none is named, or it is gone."""
    if not interface:
        return None
    found = 0
    for way in ("rx_bytes", "tx_bytes"):
        try:
            found += int((_STATISTICS / interface / "statistics" / way).read_text("ascii"))
        except (OSError, ValueError):
            return None
    return found

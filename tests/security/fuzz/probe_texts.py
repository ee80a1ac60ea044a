"""What is read of schools' probes, for the fuzzer: the list of the enrolled ones, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from controller.errors import TsunaguError
from controller.probe_agent.configuration import Configuration, ProbedPath, load_configuration, write_configuration
from controller.probe_agent.endpoint.enrolled_hashes import parse_enrolled
from controller.probe_agent.endpoint.requests import NoRequest, parse_request
from controller.probe_agent.otlp_encoding import read_refusal, read_status
from controller.probe_agent.probing.https_throughput import (
    EndpointRefused,
    parse_answer_head,
    read_challenge,
    read_report,
)
from controller.probe_agent.probing.planned_slots import (
    PlannedSlot,
    PlannedSlots,
    parse_planned_slots,
    write_planned_slots,
)
from controller.probe_agent.probing.throughput import build_iperf3_rate, read_received_rate
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.throughput_protocol.tcp_state import parse_tcp_state
from controller.probe_agent.updating.slots import load_slots
from controller.probe_agent.version import parse_version
from controller.telemetry.enrolled_probes import load_enrolled_probes
from controller.telemetry.probe_certificates import load_probe_authority
from controller.telemetry.probe_words import load_probe_words, parse_probe_word
from controller.telemetry.writer_tokens import read_token

Run = Callable[[bytes], object]
_ENROLLED = (
    b'{"format": 1, "probes": [{"school": "as-e04", "enrolled_at": "2026-04-06T09:00:00Z", "token_sha256": "'
    + b"0f" * 32
    + b'"}]}'
)
_WORDS = b'{"format": 1, "words": [{"school": "as-e04", "heard_at": 1764500000.5, "version": "1.0.0", "skew": -2.5}]}'
_HEADERS = (b"tsunagu-probe/1.0.0", b"1764500000.5", b"installed")


_CONFIGURATION = write_configuration(
    Configuration(
        "as-e04", "t" * 43, "https://monitor.example.jp", (ProbedPath("primary", "tokyo", "ipv4", "192.0.2.1"),)
    )
)
_IPERF3 = (
    b'{"start": {"tcp_mss_default": 1448}, "intervals": [{"streams": [{"snd_cwnd": 90000}]}], "end": {"sum_received": '
    b'{"bits_per_second": 93e6}, "sum_sent": {"bytes": 2896000, "retransmits": 4}}, "server_output_text": '
    b'"[  5]   1.50-2.00   sec  3.0 MBytes  40.0 Mbits/sec   51   90.0 KBytes"}'
)
_REPORT = b'{"streams": [{"samples": [[0.0, 100], [0.5, 9]], "segments": 7, "retransmitted": 0, "window": 14480}]}'
_REQUEST = b"GET /v1/throughput/report HTTP/1.1\r\nTsunagu-School: as-e04\r\nTsunagu-Seconds: 2"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 12"
_SLOTS = b'{"active": "a", "version": "1.0.1", "trial": "", "starts": 0, "word": "installed", "refused": {}}'
_PLANNED = write_planned_slots(
    PlannedSlots(1.8e9, 1.8e9 + 86_400, ("tokyo",), (PlannedSlot("primary", 1.8e9 + 60, 1.8e9 + 90, 1.8e9 + 120, 9.5),))
)
_STATUS = bytes.fromhex("08071202") + b"no"
_AUTHORITY = (
    b"-----BEGIN CERTIFICATE-----\n"
    b"MIIBiDCCAS2gAwIBAgIUSQiklQqexg2TMCb5DX8ByXH3aSswCgYIKoZIzj0EAwIw\n"
    b"GTEXMBUGA1UEAwwOVHN1bmFndSBwcm9iZXMwHhcNMjYxMTMwMjMzNTQzWhcNNDYx\n"
    b"MTI1MjMzNTQzWjAZMRcwFQYDVQQDDA5Uc3VuYWd1IHByb2JlczBZMBMGByqGSM49\n"
    b"AgEGCCqGSM49AwEHA0IABLJuIihJ4/NhtXUG3dxUbSeMNaG7cxqHr+DLjnONXovP\n"
    b"CLOyj6Dqs2cFBQ8vQaPdkhSpfVramONCMw21u9NrN/ejUzBRMB0GA1UdDgQWBBQO\n"
    b"gdt7pv1mfVIPC5NcKJo3j25sTDAfBgNVHSMEGDAWgBQOgdt7pv1mfVIPC5NcKJo3\n"
    b"j25sTDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCYPhGJtbfT\n"
    b"w/ipN7lFuePXIvmujI3P8vZQTUNrrD4/nwIhAKCjyKPGDvm8pNTqD3czZwumPhxv\n"
    b"OOuBhrWYAVAZvTZk\n"
    b"-----END CERTIFICATE-----\n"
)
_REFUSAL = bytes.fromhex("0a0608021202") + b"no"


def list_probe_readers(
    write: Callable[[str, bytes], Path],
) -> Iterator[tuple[str, tuple[bytes, ...], Run, tuple[str, ...], tuple[type[Exception], ...]]]:
    """Yield name, seeds, reader, the functions that it is for, and its refusals."""
    ours, probes = (TsunaguError,), (ProbeProblem,)
    token = b"0123456789abcdef" * 4 + b"\n"
    covers = ("read_token", "load_sender_tokens", "read_private_file")
    yield "tokens of writers", (token,), lambda data: read_token(write("token", data)), covers, ours
    enrolled = ("load_enrolled_probes",)
    yield "enrolled probes", (_ENROLLED,), lambda data: load_enrolled_probes(write("enrolled", data)), enrolled, ours
    yield "words of probes", (_WORDS,), lambda data: load_probe_words(write("w", data)), ("load_probe_words",), ours
    yield "headers of probes", _HEADERS, _parse_headers, ("parse_probe_word",), ()
    authority = ("load_probe_authority",)
    yield "the probes' authority", (_AUTHORITY,), lambda data: load_probe_authority(write("a", data)), authority, ours
    reading = ("load_configuration", "open_private_file", "parse_configuration", "load_identity")
    yield "a probe's file", (_CONFIGURATION,), lambda data: load_configuration(write("p", data)), reading, probes
    yield "answers to a probe", (_REFUSAL,), read_refusal, ("read_refusal",), ()
    planned = ("parse_planned_slots",)
    yield "planned tests", (_PLANNED,), lambda data: parse_planned_slots(data, ("primary",)), planned, probes
    yield "refusals to a probe", (_STATUS,), read_status, ("read_status",), ()
    yield "iperf3 at a probe", (_IPERF3,), _judge_iperf3, ("read_received_rate", "count_iperf3_sender"), ()
    yield from _list_https_readers()
    yield (
        "slots of a probe",
        (_SLOTS,),
        lambda data: load_slots(write("s/slots.json", data).parent),
        ("load_slots",),
        (),
    )
    yield (
        "versions",
        (b"1.10.0",),
        lambda data: parse_version(data.decode("latin-1")),
        ("parse_version",),
        (ValueError,),
    )


def _list_https_readers() -> Iterator[tuple[str, tuple[bytes, ...], Run, tuple[str, ...], tuple[type[Exception], ...]]]:
    """Yield what both ends of a test over HTTPS read."""
    yield "an endpoint's list", (_ENROLLED,), parse_enrolled, ("parse_enrolled",), (ValueError,)
    yield "an endpoint's request", (_REQUEST,), parse_request, ("parse_request",), (NoRequest,)
    yield "an endpoint's answer", (_ANSWER,), parse_answer_head, ("parse_answer_head",), (EndpointRefused,)
    yield (
        "an endpoint's challenge",
        (b'{"challenge": "1.ab.cd"}',),
        read_challenge,
        ("read_challenge",),
        (EndpointRefused,),
    )
    yield "an endpoint's report", (_REPORT,), read_report, ("read_report",), (EndpointRefused,)
    yield "a kernel's counts", (bytes(160),), parse_tcp_state, ("parse_tcp_state",), (OSError,)


def _judge_iperf3(data: bytes) -> object:
    found = read_received_rate(data)
    return found if isinstance(found, str) else build_iperf3_rate(*found, 20.4, 2)


def _parse_headers(data: bytes) -> object:
    return parse_probe_word("as-e04", lambda _: data.decode("latin-1"), 1764500000.0)

"""The parts of a probe: what it takes for a configuration, what it keeps, and how it speaks."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from controller.probe_agent.configuration import (
    ThroughputTests,
    load_configuration,
    parse_configuration,
    write_configuration,
)
from controller.probe_agent.measuring_loop import MeasuringLoop
from controller.probe_agent.otlp_encoding import encode_metrics, read_refusal
from controller.probe_agent.probing.echoes import Echoes, measure_echoes
from controller.probe_agent.probing.measuring_round import RoundRecorder, measure_light
from controller.probe_agent.probing.name_lookup import answers_query, build_query
from controller.probe_agent.probing.page_request import PageTimes
from controller.probe_agent.probing.throughput import Iperf3Rate, RateLimits, measure_throughput
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.result_store import Result, ResultStore
from controller.probe_agent.sender import Reception
from controller.telemetry.registry import (
    DNS_UP,
    HTTP_UP,
    LINE_LATENCY,
    LINE_THROUGHPUT,
    LINE_UP,
    METRICS,
    PATH_ECHOES,
    PATH_UP,
)
from tests.monitoring.running import until
from tests.probe_agent.scene import LIGHT, PATHS, configure, find_free_port

NOW = 1_800_000_000.25


def change(**fields: Any) -> bytes:  # noqa: ANN401 any JSON
    return json.dumps({**json.loads(write_configuration(configure(8600, "t" * 43))), **fields}).encode()


def test_what_enrolment_writes_is_what_a_probe_reads(tmp_path: Path) -> None:
    wanted = configure(8600, "t" * 43)
    path = tmp_path / "probe.json"
    path.write_bytes(write_configuration(wanted))
    path.chmod(0o600)
    assert load_configuration(path) == wanted
    path.chmod(0o440)  # as systemd's LoadCredential shows it
    assert load_configuration(path) == wanted
    path.chmod(0o644)
    with pytest.raises(ProbeProblem, match="chmod 600"):
        load_configuration(path)


WRONG = {
    "no JSON": (b"{", "is no JSON"),
    "another format": (change(format=2), "not of format 1"),
    "a field too much": (change(colour="red"), "colour: expected nothing"),
    "no TLS": (change(monitor="http://monitor.example.jp"), "monitor: expected an https address"),
    "a path of the monitor": (change(monitor="https://monitor.example.jp/v1"), "monitor: expected an address"),
    "no paths": (change(paths=[]), "paths: expected a list of 1 to"),
    "a name as a target": (
        change(paths=[{"line": "primary", "region": "tokyo", "family": "ipv4", "target": "x.example.jp"}]),
        r"paths\[0\].target: expected an IP address",
    ),
    "the other family": (
        change(paths=[{"line": "primary", "region": "tokyo", "family": "ipv4", "target": "::1"}]),
        r"paths\[0\].family: expected ipv6",
    ),
    "a text as a number": (change(keep_results="1"), "keep_results: expected a whole number"),
    "too large a number": (change(light={"echoes": 10**9}), "light.echoes: expected a whole number from 1"),
    "true as a number": (change(light={"echoes": True}), "light.echoes: expected"),
    "an update without a key": (change(updates={"source": "/x"}), "updates.allowed_signers"),
    "an update in the clear": (change(updates={"source": "http://x", "allowed_signers": "k"}), "updates.source"),
    "no certificate": (change(ca="hello"), "ca: expected certificates in PEM"),
    "a certificate in another script": (change(ca="\u8a3c\u660e\u66f8"), "ca: expected certificates in PEM"),
    "another method": (
        change(paths=[{"line": "primary", "region": "tokyo", "family": "ipv6", "target": "::1", "throughput": "ftp"}]),
        r"paths\[0\].throughput: expected one of iperf3, https",
    ),
    "half a name of an endpoint": (change(throughput={"https_host": "a..jp"}), "throughput.https_host: expected"),
    "half a name": (change(light={"dns_port": 53, "dns_name": "a..jp"}), "light.dns_name: expected a name"),
    "too long a name": (change(light={"dns_port": 53, "dns_name": "a" * 64}), "light.dns_name: expected a name"),
    "updates without a pause": (
        change(updates={"source": "/x", "allowed_signers": "k", "every_seconds": 0}),
        "updates.every_seconds: expected at least",
    ),
    "a newline in a signer": (change(updates={"allowed_signers": "a\nb"}), "updates.allowed_signers: expected a text"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_configuration_is_refused_by_its_field(content: bytes, message: str) -> None:
    with pytest.raises(ProbeProblem, match=message):
        parse_configuration(content)


NO_FILES = (
    "https://monitor.example.jp",  # its signature would be another server's: monitor.example.jp.sig
    "https://monitor.example.jp:8443",
    "https://monitor.example.jp:99999/probe.pyz",
    "https://monitor.example.jp/folder/",
    "https://monitor.example.jp/get?name=probe.pyz",
    "https://user@monitor.example.jp/probe.pyz",
    "https:///probe.pyz",
    "https://[::1/probe.pyz",
    "https://monitor.example.jp/\u7248.pyz",
)


@pytest.mark.parametrize("source", NO_FILES)
def test_a_source_whose_signature_has_no_place_beside_it_is_refused(source: str) -> None:
    with pytest.raises(ProbeProblem, match=r"updates\.source: expected the address of a file"):
        parse_configuration(change(updates={"source": source, "allowed_signers": "k"}))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_configuration_or_are_refused(content: bytes) -> None:
    with pytest.raises(ProbeProblem):
        parse_configuration(content)


def result(number: int) -> Result:
    return Result(LINE_LATENCY.name, (("school", "as-e04"),), NOW + number, float(number))


def test_the_store_is_bounded_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results.db", most=10)
    for number in range(4):
        store.add([result(4 * number + one) for one in range(4)])
    assert store.dropped == 6
    assert [one.value for _, one in store.take_newest(3)] == [15, 14, 13]
    assert [one.value for _, one in store.take_newest(100)] == list(range(15, 5, -1))
    store.remove([number for number, _ in store.take_newest(9)])
    assert [one.value for _, one in store.take_newest(100)] == [6]
    store.close()
    again = ResultStore(tmp_path / "results.db", most=10)
    assert (again.dropped, again.count_waiting()) == (6, 1)
    again.close()


def test_a_damaged_store_is_moved_aside_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.db"
    path.write_bytes(b"no database" * 1_000)
    store = ResultStore(path, most=10)
    store.add([result(1)])
    assert store.count_waiting() == 1
    store.close()
    assert "was damaged" in capsys.readouterr().err
    assert len(list(tmp_path.glob("results.db.damaged-*"))) == 1


@pytest.mark.parametrize("attributes", [b"{", b"[1]", b"[[1]]", b"\xff", b"\0"])
def test_a_row_that_is_no_result_is_lost_and_counted(tmp_path: Path, attributes: bytes) -> None:
    store = ResultStore(tmp_path / "results.db", most=10)
    store.add([result(1), result(2)])
    with closing(sqlite3.connect(tmp_path / "results.db")) as other, other:
        other.execute("UPDATE result SET attributes = CAST(? AS TEXT) WHERE id = 2", (attributes,))
    assert [one.value for _, one in store.take_newest(10)] == [1]
    assert (store.dropped, store.count_waiting()) == (1, 1)
    store.close()


@given(
    st.lists(st.tuples(st.sampled_from(sorted(METRICS)), st.text(max_size=20), st.floats(allow_nan=False)), max_size=9)
)
def test_google_s_own_protobuf_reads_what_it_writes(rows: list[tuple[str, str, float]]) -> None:
    wanted = [Result(name, (("school", text), ("line", "primary")), NOW, value) for name, text, value in rows]
    units = {name: metric.unit for name, metric in METRICS.items()}
    request = ExportMetricsServiceRequest.FromString(encode_metrics({"service.name": "p"}, wanted, units))
    [resource] = request.resource_metrics
    found = [
        Result(
            metric.name,
            tuple((one.key, one.value.string_value) for one in point.attributes),
            point.time_unix_nano // 1_000 / 1e6,
            point.as_double,
        )
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    assert all(metric.unit == METRICS[metric.name].unit for metric in resource.scope_metrics[0].metrics)


@given(st.integers(0, 2**63 - 1), st.text(max_size=50), st.binary(max_size=40))
def test_a_refusal_is_read_as_google_s_protobuf_writes_it(count: int, reason: str, noise: bytes) -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = count
    answer.partial_success.error_message = reason
    assert read_refusal(answer.SerializeToString()) == (count, reason)
    read_refusal(noise)


@given(st.binary(max_size=80))
def test_no_other_packet_answers_a_query(packet: bytes) -> None:
    query = build_query(7, "www.example.jp", 1)
    assert not answers_query(query, packet)
    answer = query[:2] + b"\x81\x80\x00\x01\x00\x01" + query[8:] + packet
    assert answers_query(query, answer)
    assert not answers_query(query, b"\x00\x08" + answer[2:])
    assert not answers_query(query, answer[:3] + b"\x83" + answer[4:])  # NXDOMAIN


def test_figures_are_in_the_registry_s_units() -> None:
    recorder = RoundRecorder("as-e04", lambda: NOW)
    latency = recorder.record(LINE_LATENCY, 0.012, PATHS[0])
    rate = recorder.record(LINE_THROUGHPUT, 93e6, PATHS[0], direction="download")
    assert latency.value == pytest.approx({"ms": 12.0, "s": 0.012}[LINE_LATENCY.unit])
    assert rate.value == pytest.approx({"Mbit/s": 93.0, "bit/s": 93e6}[LINE_THROUGHPUT.unit])
    for one, metric in ((latency, LINE_LATENCY), (rate, LINE_THROUGHPUT)):
        assert one.at == NOW
        assert metric.checked(dict(one.attributes)) == dict(one.attributes)


def test_a_server_that_is_busy_is_asked_again() -> None:
    """One test after the other, also of two schools that come at once: iperf3 serves one, and refuses the other."""
    tests = ThroughputTests(port=find_free_port(), seconds=1, streams=1)
    words = ["iperf3", "--server", "--port", str(tests.port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=quiet, stderr=quiet) as server, ThreadPoolExecutor(2) as pool:
        try:
            until(lambda: is_listening(tests.port))
            found = list(
                pool.map(lambda one: measure_throughput(PATHS[0], one, tests, RateLimits(0.1)), ("download", "upload"))
            )
        finally:
            server.terminate()
    assert all(isinstance(one, Iperf3Rate) and one.rate > 1e6 and one.is_limit_known for one in found)


def is_listening(port: int) -> bool:
    rows = Path("/proc/net/tcp6").read_text("ascii") + Path("/proc/net/tcp").read_text("ascii")
    return any(f":{port:04X} " in line and " 0A " in line for line in rows.splitlines())


def test_an_interface_that_is_not_there_is_a_line_without_answers() -> None:
    gone = replace(PATHS[0], interface="nowhere0")
    found = measure_echoes((PATHS[0], gone), LIGHT)
    assert found[PATHS[0]].loss == 0
    assert (found[gone].loss, found[gone].latency) == (1.0, None)


def test_a_round_tells_what_answers_by_path_and_by_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokyo answers over IPv4 with a page alone, its IPv6 not at all, Osaka over the backup line with echoes alone."""
    tokyo, dead, backup = PATHS
    echoes = {tokyo: Echoes(3), dead: Echoes(3), backup: Echoes(3, {1: 0.01, 2: 0.02})}
    module = "controller.probe_agent.probing.measuring_round"
    monkeypatch.setattr(f"{module}.measure_echoes", lambda *_: echoes)
    monkeypatch.setattr(
        f"{module}.measure_page", lambda path, _: PageTimes(0.01, 0.02) if path is tokyo else PageTimes()
    )
    monkeypatch.setattr(f"{module}.measure_lookup", lambda path, *_: 0.005 if path is tokyo else None)
    light = replace(LIGHT, page_port=443, dns_port=53, dns_name="www.example.jp")
    results = measure_light(configure(8600, "t" * 43, light=light), lambda: NOW)
    found = {(one.metric, *(value for _, value in one.attributes)): one.value for one in results}
    assert all(METRICS[one.metric].checked(dict(one.attributes)) for one in results)
    told = {
        (name, *key[2:]): value
        for key, value in found.items()
        for name, metric in (("path", PATH_UP), ("dns", DNS_UP), ("http", HTTP_UP), ("line", LINE_UP))
        if key[0] == metric.name
    }
    assert told == {
        ("path", "primary", "tokyo", "ipv4"): 1,
        ("path", "primary", "tokyo", "ipv6"): 0,
        ("path", "backup", "osaka", "ipv4"): 1,
        # Of the dead path nothing is said; the backup line answers, and names and pages do not over it.
        ("dns", "primary", "ipv4"): 1,
        ("http", "primary", "ipv4"): 1,
        ("dns", "backup", "ipv4"): 0,
        ("http", "backup", "ipv4"): 0,
        ("line", "primary"): 1,
        ("line", "backup"): 1,
    }
    assert found[PATH_ECHOES.name, "as-e04", "primary", "tokyo", "ipv4"] == 3


def test_the_probe_s_clock_dates_what_it_measures(tmp_path: Path) -> None:
    """Also a clock that is wrong by years: nothing waits by it."""
    timer = iter(range(10_000))
    loop = MeasuringLoop(configure(find_free_port(), "t" * 43), tmp_path, lambda: NOW, lambda: float(next(timer)))
    loop.measure()
    assert loop.send().reception is Reception.LATER
    store = ResultStore(tmp_path / "results.db", most=1_000)
    assert {one.at for _, one in store.take_newest(100)} == {NOW}
    store.close()

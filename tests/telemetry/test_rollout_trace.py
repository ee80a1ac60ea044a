from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.telemetry.timeline import Level, Listener, Span, open_rollout_span
from controller.telemetry.traces.phases import ENDPOINT
from controller.telemetry.traces.rollout_trace import open_trace
from tests.telemetry.receivers import keeping


class Recorder:
    """What a listener hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def started(self, span: Span) -> None:
        self.heard.append(("start", span.name))

    def ended(self, span: Span) -> None:
        self.heard.append(("end", span.name))


def a_rollout(*listeners: Listener) -> None:
    with open_rollout_span("r", listeners, city="c") as root, root.child(Level.SCHOOL, "s") as school:
        with school.child(Level.DEVICE, "d") as device:
            device.outcome = "applied"
            with device.child(Level.STEP, "push") as step:
                assert step.device() == "d"
        assert school.device() == ""


def test_listeners_hear_every_start_and_end_also_of_what_fails() -> None:
    recorder = Recorder()
    message = "broken"
    with (
        pytest.raises(ValueError, match=message),
        open_rollout_span("r", [recorder]) as root,
        root.child(Level.SCHOOL, "s"),
    ):
        raise ValueError(message)
    assert recorder.heard == [("start", "r"), ("start", "s"), ("end", "s"), ("end", "r")]


def test_a_listener_that_breaks_does_not_break_what_it_listens_to(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Recorder):
        def ended(self, span: Span) -> None:
            message = f"no space left for {span.name}"
            raise OSError(message)

    recorder = Recorder()
    a_rollout(Broken(), recorder)
    assert ("end", "r") in recorder.heard
    assert "no space left for push" in caplog.text


def test_without_an_endpoint_every_span_is_a_line_at_its_start_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "folder" / "timeline.jsonl"
    with open_trace(path) as listener:
        a_rollout(listener)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["event"], line["name"]) for line in lines] == [
        ("start", "rollout r"),
        ("start", "school s"),
        ("start", "device d"),
        ("start", "step push"),
        ("end", "step push"),
        ("end", "device d"),
        ("end", "school s"),
        ("end", "rollout r"),
    ]
    device = lines[5]
    assert device["attributes"]["tsunagu.outcome"] == "applied"


def test_with_an_endpoint_the_trace_goes_there_and_into_the_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "timeline.jsonl"
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with open_trace(path) as listener:
            a_rollout(listener)
    spans = {}
    for place, body in received.requests:
        if place != "/v1/traces":
            continue
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                spans.update({span.name: span for span in scope.spans})
    assert set(spans) == {"rollout r", "school s", "device d", "step push"}
    assert spans["step push"].parent_span_id == spans["device d"].span_id
    assert spans["school s"].parent_span_id == spans["rollout r"].span_id
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(line["name"] for line in lines if line["event"] == "end") == sorted(spans)


def test_a_run_continues_the_trace_of_whoever_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    with open_trace(tmp_path / "t.jsonl") as listener, open_rollout_span("r", [listener]):
        pass
    (_, ended) = map(json.loads, (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines())
    assert ended["context"]["trace_id"] == "0x0af7651916cd43dd8448eb211c80319c"
    assert ended["parent_id"] == "0xb7ad6b7169203331"


def test_a_damaged_traceparent_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRACEPARENT", "nonsense")
    with open_trace(tmp_path / "t.jsonl") as listener, open_rollout_span("r", [listener]):
        pass
    assert '"parent_id": null' in (tmp_path / "t.jsonl").read_text(encoding="utf-8")

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import typer
from opentelemetry.semconv._incubating.attributes import process_attributes
from opentelemetry.semconv.attributes import error_attributes

from controller.cli.conventions.traced_command import describe_end
from controller.errors import PlanExpired, TsunaguError
from controller.exit_codes import Exit
from controller.telemetry.otlp import CLOSE_SECONDS, open_telemetry
from controller.telemetry.registry import LINE_UP
from controller.telemetry.timeline import Level, open_rollout_span
from controller.telemetry.traces import command_trace
from controller.telemetry.traces.command_trace import CommandTrace, trace_command
from controller.telemetry.traces.phases import COMMAND_SCOPE, ENDPOINT, keep_phase, trace_phase
from controller.telemetry.traces.rollout_trace import RolloutLinks, open_trace
from controller.telemetry.traces.trace_links import (
    FILE,
    MOST_KEPT,
    TraceMark,
    TraceOf,
    read_trace_marks,
    remember_trace,
)
from tests.telemetry.receivers import Received, closed, hanging, keeping
from tests.telemetry.spans import SentSpan, read_spans


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with keeping() as found:
        monkeypatch.setenv(ENDPOINT, found.url)
        yield found


def by_name(received: Received) -> dict[str, SentSpan]:
    return {one.name: one for one in read_spans(received)}


def test_a_command_is_one_span_by_the_conventions_and_its_phases_stand_below_it(received: Received) -> None:
    with trace_command("plan", describe_end, None), trace_phase("read devices", devices=2) as phase:
        phase.add_attributes(refused=1)
        with trace_phase("read device", detail=True, device="d1"):
            pass
    found = by_name(received)
    root, reading, one = (found[name] for name in ("tsunagu plan", "read devices", "read device"))
    assert (root.span.parent_span_id, reading.span.parent_span_id) == (b"", root.span.span_id)
    assert (one.span.parent_span_id, one.span.trace_id) == (reading.span.span_id, root.span.trace_id)
    assert reading.attributes == {"tsunagu.devices": 2, "tsunagu.refused": 1}
    assert {
        process_attributes.PROCESS_EXECUTABLE_NAME: "tsunagu",
        process_attributes.PROCESS_EXIT_CODE: 0,
        "tsunagu.command": "plan",
    }.items() <= root.attributes.items()
    assert process_attributes.PROCESS_PID in root.attributes
    assert not root.failed
    assert root.scope == COMMAND_SCOPE
    assert root.resource["service.name"] == "tsunagu"


def test_an_error_is_the_status_of_what_it_passed_through_and_only_its_code_is_sent(received: Received) -> None:
    message = "plan.json of Hanako has expired"
    with pytest.raises(PlanExpired), trace_command("apply", describe_end, None), trace_phase("judge start"):
        raise PlanExpired(message)
    for one in read_spans(received):
        assert one.failed
        assert one.attributes[error_attributes.ERROR_TYPE] == one.span.status.message == "plan-expired"
    assert by_name(received)["tsunagu apply"].attributes["process.exit.code"] == int(Exit.FAILED)
    assert not any(b"Hanako" in body for _, body in received.requests)


@pytest.mark.parametrize(
    ("ended", "code", "left"), [(typer.Exit(Exit.DIFFERS), "differs", 2), (KeyboardInterrupt(), "interrupted", 130)]
)
def test_how_a_command_left_is_told(received: Received, ended: BaseException, code: str, left: int) -> None:
    with pytest.raises(type(ended)), trace_command("prove", describe_end, None):
        raise ended
    [root] = read_spans(received)
    assert (root.attributes["error.type"], root.attributes["process.exit.code"]) == (code, left)


def test_a_phase_in_another_thread_stands_below_the_one_that_it_is_part_of(received: Received) -> None:
    def measure(line: str) -> None:
        with trace_phase(f"measure {line}"):
            pass

    with trace_command("measure", describe_end, None), trace_phase("school"), ThreadPoolExecutor(2) as pool:
        list(pool.map(keep_phase(measure), ("primary", "backup")))
        list(pool.map(measure, ("alone",)))
    found = by_name(received)
    school, root = found["school"].span.span_id, found["tsunagu measure"].span.span_id
    assert [found[f"measure {line}"].span.parent_span_id for line in ("primary", "backup", "alone")] == [
        school,
        school,
        root,
    ]


def test_what_goes_on_for_days_is_many_traces_that_link_to_the_command(received: Received) -> None:
    with trace_command("measure", describe_end, None) as command:
        command.begin_new_traces()
        for line in ("primary", "backup"):
            with trace_phase(f"measure {line}"), trace_phase(f"echo {line}"):
                pass
    found = by_name(received)
    root = found["tsunagu measure"].span
    traces = {found[f"measure {line}"].span.trace_id for line in ("primary", "backup")}
    assert len(traces | {root.trace_id}) == 3
    assert found["echo primary"].span.trace_id == found["measure primary"].span.trace_id
    assert found["measure primary"].links == {("command", root.trace_id, root.span_id)}


def test_a_rollout_stands_below_its_command_and_both_are_sent_by_one_sender(received: Received, tmp_path: Path) -> None:
    with (
        trace_command("apply", describe_end, None),
        open_trace(tmp_path / "t.jsonl") as listener,
        open_rollout_span("r", [listener]) as root,
        root.child(Level.SCHOOL, "s"),
        open_telemetry() as sent,
    ):
        sent.record(LINE_UP, 1, school="s", line="primary")
    found = by_name(received)
    assert found["rollout r"].span.parent_span_id == found["tsunagu apply"].span.span_id
    assert {one.span.trace_id for one in found.values()} == {found["tsunagu apply"].span.trace_id}
    # The audit trail has the rollout, and nothing of the command.
    assert "tsunagu apply" not in (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    assert len([one for one in received.metrics() if one.name == LINE_UP.name]) == 1


def test_no_more_spans_than_a_command_may_have_and_it_says_how_many_are_left_out(
    received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_trace, "MOST_DETAILS", 3)
    with trace_command("plan", describe_end, None):
        for number in range(5):
            with trace_phase("device", detail=True, number=number):
                pass
        with trace_phase("save plan"):
            pass
    found = read_spans(received)
    assert [one.name for one in found].count("device") == 3
    assert by_name(received)["tsunagu plan"].attributes["tsunagu.phases.left_out"] == 2
    assert "save plan" in by_name(received)


@pytest.mark.parametrize("hangs", [False, True])
def test_a_collector_that_is_away_costs_a_bounded_time_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, hangs: bool
) -> None:
    with hanging() if hangs else nullcontext(closed()) as url:
        monkeypatch.setenv(ENDPOINT, url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
        with trace_command("measure", describe_end, None), trace_phase("a"), open_telemetry() as sent:
            sent.record(LINE_UP, 1, school="s", line="primary")
            began = time.monotonic()
        assert time.monotonic() - began < CLOSE_SECONDS + 2
    said = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "2 traces" in said[0].getMessage()


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_TRACES_SAMPLER", "always_off")],
)
def test_opentelemetrys_own_variables_switch_commands_off_and_never_the_audit_trail(
    received: Received, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with trace_command("apply", describe_end, None) as command, open_trace(tmp_path / "t.jsonl") as listener:
        assert command.root_mark is None or name == "OTEL_TRACES_EXPORTER"
        with open_rollout_span("r", [listener]):
            pass
    assert len((tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert "tsunagu apply" not in by_name(received)


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_METRICS_EXEMPLAR_FILTER", "nonsense"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many")]
)
def test_a_variable_that_opentelemetrys_sdk_refuses_is_said_and_changes_no_end(
    received: Received, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    del received

    def run() -> None:
        with trace_command("plan", describe_end, None):
            monkeypatch.setenv(name, value)
            raise typer.Exit(Exit.DIFFERS)

    with pytest.raises(typer.Exit) as left:
        run()
    assert left.value.exit_code == Exit.DIFFERS
    assert "the command's trace is not sent: a variable of OpenTelemetry's" in caplog.text
    with pytest.raises(TsunaguError, match=r"OTEL_.*holds what its SDK refuses"), open_telemetry():
        pass


def test_a_caller_that_samples_nothing_leaves_the_audit_trail_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    with open_trace(tmp_path / "t.jsonl") as listener, open_rollout_span("r", [listener], planner="hanako"):
        pass
    text = (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2
    assert "hanako" in text


def test_links_lead_from_a_rollout_to_its_plan_and_its_proof_each_once(received: Received, tmp_path: Path) -> None:
    marks: dict[TraceOf, TraceMark] = {}
    for kind in (TraceOf.PLAN, TraceOf.PROOF):
        with trace_command(str(kind), describe_end, None) as command:
            assert command.root_mark is not None
            marks[kind] = command.root_mark
            remember_trace(tmp_path, command.root_mark, [(kind, "d1")])
    known = read_trace_marks(tmp_path)
    with trace_command("apply", describe_end, None) as command:
        command.add_links([(str(kind), known[kind]["d1"]) for kind in marks] * 2)
    expected = {(str(kind), bytes.fromhex(one.trace), bytes.fromhex(one.span)) for kind, one in marks.items()}
    assert by_name(received)["tsunagu apply"].links == expected
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_durable_rollout_links_itself_and_is_found_by_its_schools(received: Received, tmp_path: Path) -> None:
    plan, earlier = TraceMark("a" * 32, "b" * 16), TraceMark("c" * 32, "d" * 16)
    remember_trace(tmp_path, plan, [(TraceOf.PLAN, "p1")])
    remember_trace(tmp_path, earlier, [(TraceOf.ROLLOUT, "s1")])
    links = RolloutLinks(tmp_path, "p1", "never-proved", {"s1", "s2"})
    with (
        open_trace(tmp_path / "t.jsonl", links=links) as listener,
        open_rollout_span("r", [listener]) as root,
        root.child(Level.SCHOOL, "s1"),
    ):
        pass
    found = by_name(received)
    assert found["rollout r"].links == {("plan", bytes.fromhex(plan.trace), bytes.fromhex(plan.span))}
    assert found["school s1"].links == set()
    span = found["rollout r"].span
    mark = TraceMark(span.trace_id.hex(), span.span_id.hex())
    assert dict(read_trace_marks(tmp_path)[TraceOf.ROLLOUT]) == {"s1": mark, "s2": mark}


def test_two_commands_of_a_role_have_one_instance_id(received: Received, tmp_path: Path) -> None:
    for command in ("plan", "prove"):
        with trace_command(command, describe_end, tmp_path / "controller"):
            pass
    with open_telemetry(token=tmp_path / "controller") as sent:
        sent.record(LINE_UP, 1, school="s", line="primary")
    ids = {one.resource["service.instance.id"] for one in read_spans(received)}
    assert ids == received.instances()
    assert len(ids) == 1


def test_a_damaged_file_of_links_is_no_reason_to_stop_and_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"plan": {"a": "00-', encoding="utf-8")
    assert read_trace_marks(tmp_path) == {}
    mark = TraceMark("0" * 31 + "1", "0" * 15 + "1")
    remember_trace(tmp_path, mark, ((TraceOf.ROLLOUT, f"s{number}") for number in range(MOST_KEPT + 1)))
    kept = list(read_trace_marks(tmp_path)[TraceOf.ROLLOUT])
    assert (len(kept), kept[0], kept[-1]) == (MOST_KEPT, "s1", f"s{MOST_KEPT}")


def test_links_that_cannot_be_kept_are_said_and_fail_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").write_text("a file stands here", encoding="utf-8")
    remember_trace(tmp_path / "state", TraceMark("0" * 31 + "1", "0" * 15 + "1"), [(TraceOf.PLAN, "d")])
    assert "later traces will not link" in caplog.text


def test_two_commands_at_once_both_keep_their_links(tmp_path: Path) -> None:
    def remember(number: int) -> None:
        remember_trace(tmp_path, TraceMark(f"{number + 1:032x}", f"{number + 1:016x}"), [(TraceOf.PLAN, f"d{number}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(remember, range(12)))
    assert set(read_trace_marks(tmp_path)[TraceOf.PLAN]) == {f"d{number}" for number in range(12)}


def test_the_command_that_ended_is_traced_no_more(received: Received) -> None:
    with trace_command("plan", describe_end, None) as command:
        assert isinstance(command, CommandTrace)
    with trace_phase("late"):
        pass
    assert [one.name for one in read_spans(received)] == ["tsunagu plan"]

"""`prove`, a saved plan, `apply` and what measures afterwards are traces that link to each other, without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from controller.cli.conventions.traced_command import describe_end, link_command, traced_command
from controller.cli.devices.saved_plan import record_and_save_plan
from controller.cli.main import build_command_line
from controller.errors import PlanRefused
from controller.exit_codes import Exit
from controller.plan.document import load_plan
from controller.telemetry.registry import Writer
from controller.telemetry.traces.command_trace import trace_command
from controller.telemetry.traces.phases import COMMAND_SCOPE, ENDPOINT, find_traced_command
from controller.telemetry.traces.trace_links import TraceOf
from tests.cli.running import here, in_a_process
from tests.policies import SHIPPED
from tests.rollout.durable.city_scene import give_open_vswitches
from tests.security.plan_scene import Scene, make_operations
from tests.telemetry.receivers import Received, keeping
from tests.telemetry.spans import SentSpan, read_spans

STATE = ".tsunagu"
ALLOWED = {"process.executable.name", "process.pid", "process.exit.code", "error.type"} | {
    f"tsunagu.{name}"
    for name in ("command", "device", "school", "devices", "schools", "filters", "steps", "known", "link")
}
"""All that a command's span says, as long as nothing is measured."""
NAMES = {"tsunagu.device", "tsunagu.school"}


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with keeping() as found:
        monkeypatch.setenv(ENDPOINT, found.url)
        yield found


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    operations = make_operations(tmp_path)
    scene = Scene(tmp_path, 1, operations, now=datetime.now(UTC))
    give_open_vswitches(scene, 2)
    monkeypatch.setattr("controller.cli.devices.apply.SshTransport", lambda _: scene.lab.transport)
    monkeypatch.setattr("controller.cli.devices.apply.load_operations_of", lambda *_: operations)
    return scene


def find_roots(received: Received) -> dict[str, SentSpan]:
    return {one.name: one for one in read_spans(received) if one.name.startswith("tsunagu ")}


def list_below(received: Received, root: str) -> set[str]:
    """The names of the spans of a command's trace."""
    trace = find_roots(received)[root].span.trace_id
    return {one.name for one in read_spans(received) if one.span.trace_id == trace}


def name_link(relation: str, to: SentSpan) -> tuple[str, bytes, bytes]:
    return relation, to.span.trace_id, to.span.span_id


def test_a_rollout_links_to_its_plan_and_its_proof_and_what_measures_afterwards_to_the_rollout(
    scene: Scene, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene.folder)
    policies = ("--policies", str(scene.policies.path))
    assert scene.operations is not None
    with trace_command("plan", describe_end, None):
        plan = scene.plan()
        record_and_save_plan(plan, scene.plan_path, None, scene.operations, scene.policies.path)
    saved = scene.plan_path.read_bytes()
    school = scene.device.school.id
    proved = here("prove", "--lab", "--school", school, "--no-cache", *policies, cwd=scene.folder)
    assert proved.code == 0, proved.errors
    applied = here("apply", "plan.json", *policies, "--json", cwd=scene.folder)
    assert applied.code == 0, applied.errors
    with trace_command("measure", describe_end, None):
        link_command(scene.folder / STATE, [(TraceOf.ROLLOUT, school), (TraceOf.ROLLOUT, "elsewhere")])

    roots = find_roots(received)
    assert roots["tsunagu prove"].links == {name_link("plan-of-policy", roots["tsunagu plan"])}
    assert roots["tsunagu apply"].links == {
        name_link("plan", roots["tsunagu plan"]),
        name_link("proof", roots["tsunagu prove"]),
    }
    assert roots["tsunagu measure"].links == {name_link("rollout", roots["tsunagu apply"])}
    assert len({one.span.trace_id for one in roots.values()}) == 4

    # What a plan is, and what is signed of it, is the same with a trace and without.
    assert saved == load_plan(scene.plan_path).format_text().encode() == scene.plan_path.read_bytes()
    assert b"trace" not in saved

    assert list_below(received, "tsunagu prove") >= {
        "load policy",
        "prove city",
        "prove devices",
        "prove 802.1X",
        "prove sign-in sessions",
        "prove proxy conditions",
        "prove cloud firewall",
        "check guideline",
    }
    assert list_below(received, "tsunagu apply") >= {
        *("judge start", "load policy", "verify plan", "verify device", "compile", "render", "prove filters"),
        *("prove routes", "prove quarantine and wireless", "prove steps"),
        *(f"rollout {plan.digest()[:12]}", f"school {school}", f"device {scene.device.id}"),
    }

    # What commands say is figures, and names that the city has.
    city = scene.load()
    known = {device.id for one in city.schools for device in city.list_devices(one)} | {one.id for one in city.schools}
    commands = [one for one in read_spans(received) if one.scope == COMMAND_SCOPE]
    assert {name for one in commands for name in one.attributes} <= ALLOWED
    said = {str(one.attributes[name]) for one in commands for name in NAMES & set(one.attributes)}
    assert said
    assert said <= known


def test_a_refused_command_has_its_code_and_names_nobody(scene: Scene, received: Received) -> None:
    scene.plan()
    scene.edit(lambda document: document.update(policy="0" * 64))
    done = here("apply", "plan.json", "--made-elsewhere", "--policies", str(scene.policies.path), cwd=scene.folder)
    assert done.code == int(PlanRefused.exit_code)
    root = find_roots(received)["tsunagu apply"]
    assert (root.failed, root.span.status.message) == (True, "plan-refused")
    assert str(scene.folder).encode() not in b"".join(body for _, body in received.requests)


def test_a_command_that_is_not_traced_reads_nothing_of_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    looked: list[bool] = []

    @traced_command(Writer.CONTROLLER)
    def command(*, policies: Path) -> str:
        looked.append(find_traced_command() is None)
        return str(policies)

    assert command(policies=SHIPPED) == str(SHIPPED)
    assert looked == [True]
    program = (
        "import sys\n"
        "from controller.cli.main import main\n"
        "sys.argv[1:] = ['plan', '--help']\n"
        "try:\n main()\nexcept SystemExit: pass\n"
        "print([one for one in sys.modules if one.startswith('opentelemetry.sdk')])"
    )
    monkeypatch.setattr("tests.cli.running.PROGRAM", program)
    done = in_a_process(cwd=SHIPPED.parent)
    assert done.said.strip().endswith("[]"), done.said


def test_a_variable_that_opentelemetry_does_not_understand_ends_no_command(
    received: Received, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")

    @traced_command(Writer.CONTROLLER)
    def command(*, policies: Path) -> str:
        return str(policies)

    assert command(policies=SHIPPED) == str(SHIPPED)
    assert "not traced: OTEL_SPAN_EVENT_COUNT_LIMIT must be" in caplog.text
    assert received.requests == []


@pytest.mark.parametrize("command", ["plan", "prove", "apply", "measure"])
def test_the_command_line_is_the_same(command: str) -> None:
    """Typer reads the options of the command itself, behind what traces it."""
    found = get_command(build_command_line(command))
    assert isinstance(found, typer.core.TyperGroup)
    assert "--json" in {option for one in found.commands[command].params for option in one.opts}
    assert found.commands[command].help


def test_ends_have_the_codes_of_the_json_documents() -> None:
    assert describe_end(PlanRefused("x")) == ("plan-refused", int(Exit.FAILED))
    assert describe_end(OSError(28, "full")) == ("system", int(Exit.FAILED))
    assert describe_end(ZeroDivisionError()) == ("fault", int(Exit.FAULT))
    assert describe_end(typer.BadParameter("x")) == ("usage", int(Exit.USAGE))
    assert describe_end(typer.Exit(0)) == ("good", 0)

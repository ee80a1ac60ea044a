"""Every command that a message advises finds the estate that the message is about: it runs when it is pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from controller.cli.advised_commands import complete_commands, forget_estate, remember_estate
from controller.cli.conventions.option_table import load_option_table
from controller.cli.estates import choose_state_folder
from controller.cli.output import begin_run, print_data, print_line
from controller.operations.operations import Operations
from controller.rollout.durable import carry_out
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import RunPlace
from controller.rollout.outcome import End, Outcome
from tests.cli.running import Done, here
from tests.security.plan_scene import Scene, make_operations

COMMAND = re.compile(r"tsunagu ([a-z][^;:\n]*?)(?=[);:\n]|$| \(or)")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Two schools and a plan for them, in folders that nobody finds by default."""
    found = Scene(tmp_path, 2, make_operations(tmp_path), now=datetime.now(UTC))
    found.plan()
    monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: found.lab.transport)
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: found.operations)
    return found


def run(scene: Scene, *words: str) -> Done:
    return here(*words, cwd=scene.folder)


def name_place(scene: Scene) -> tuple[str, ...]:
    return ("--policies", str(scene.policies.path), "--state", str(scene.folder / "our state"))


def record_lost_rollout(scene: Scene) -> tuple[str, str]:
    """A rollout whose process is gone, and a device of it that nobody has seen."""
    started, now = scene.start(), datetime.now(UTC)
    device = scene.lab.switches[0]
    with use_rollouts(scene.folder / "our state", create=True) as store:
        options = carry_out.StartOptions(60, "", now)
        record = carry_out.record_rollout(store, started, scene.plan_path, options, lambda _: None)
        HeartbeatStore(store).record_heartbeat(record.id, "controller", now)
        place = RunPlace(record.id, 0, 0, device.school.id)
        number = store.begin_run(place, device.id, "controller", now)
        outcome = Outcome(device.id, device.school.id, End.UNKNOWN, "no answer", unreached=True)
        store.end_run(number, outcome, now)
    return record.id, device.id


def list_advised(scene: Scene, done: Done) -> list[list[str]]:
    """The commands of a message as a shell would read them; each names the policies, or takes none."""
    found = [shlex.split(one) for one in COMMAND.findall(done.said + done.errors)]
    for words in found:
        both, one = " ".join(words[:2]), words[0]
        takes = load_option_table()[both if both in load_option_table() else one]
        assert str(scene.policies.path) in words or "policies" not in takes, words
        assert "--lab" in words or "lab" not in takes, words
    return found


def test_each_advised_command_runs_when_it_is_pasted(scene: Scene) -> None:
    rollout, device = record_lost_rollout(scene)
    listed = run(scene, "rollout", "list", "--lab", *name_place(scene))
    shown = run(scene, "rollout", "show", rollout, "--lab", *name_place(scene))
    refused = run(scene, "rollout", "start", str(scene.plan_path), *name_place(scene))
    unknown = run(scene, "rollout", "pause", "x", "--lab", *name_place(scene))
    assert (refused.code, unknown.code) == (1, 1)
    advised = {" ".join(words[:2]): words for one in (listed, shown, unknown) for words in list_advised(scene, one)}
    assert advised.keys() >= {"rollout list", "rollout write-off", "rollout resume"}
    for command in ("rollout list", "rollout write-off", "rollout resume"):
        done = run(scene, *advised[command])
        assert done.code == 0 or (command == "rollout resume" and device in done.said), done.errors
    document = run(scene, "rollout", "show", rollout, "--lab", "--json", *name_place(scene))
    assert '"state": "running"' not in document.said
    assert f'"device": "{device}"' in document.said


@pytest.fixture
def estate() -> Iterator[None]:
    """This run is about the virtual city."""
    remember_estate(Path("p"), lab=True)
    yield
    forget_estate()


@pytest.mark.usefixtures("estate")
@pytest.mark.parametrize(
    ("said", "completed"),
    [
        (
            "tsunagu plan, then tsunagu plan --lab",
            "tsunagu plan --policies p --lab, then tsunagu plan --policies p --lab",
        ),
        ("tsunagu plan --label x", "tsunagu plan --policies p --lab --label x"),
        ("tsunagu plan --lab=x", "tsunagu plan --policies p --lab=x"),
        ("tsunagu plan (also with --lab); --policies", "tsunagu plan --policies p --lab (also with --lab); --policies"),
        ("`tsunagu plan` asks; run: tsunagu plan", "`tsunagu plan` asks; run: tsunagu plan --policies p --lab"),
        ("/srv/tsunagu plan is no folder", "/srv/tsunagu plan is no folder"),
    ],
)
def test_an_advised_command_has_each_option_once_and_what_is_spoken_of_none(said: str, completed: str) -> None:
    assert complete_commands(said) == completed


def test_data_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    begin_run(["plan"], as_json=False)
    remember_estate(Path("p"), lab=True)
    print_data("+ description run tsunagu plan [red]", "cyan")
    print_line("run tsunagu plan [red]")
    assert capsys.readouterr().out.splitlines() == [
        "+ description run tsunagu plan [red]",
        "run tsunagu plan --policies p --lab [red]",
    ]
    forget_estate()


def test_a_state_folder_that_is_refused_is_in_no_advice(tmp_path: Path) -> None:
    operations = Operations.model_validate({"state": tmp_path / "controller"})
    with pytest.raises(typer.BadParameter):
        choose_state_folder("real", operations, tmp_path / "other", Path("policies"))
    assert complete_commands("see: tsunagu rollout list") == "see: tsunagu rollout list"


def test_advice_without_a_rollout_and_without_options_stays_as_it_is(scene: Scene) -> None:
    done = run(scene, "rollout", "list", "--lab", *name_place(scene))
    [words] = list_advised(scene, done)
    assert words[:2] == ["rollout", "start"]
    assert words[-1] == "PLAN"

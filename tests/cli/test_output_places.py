"""No command writes what it makes over what it reads, over a policy, or over what the controller keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import typer

from controller.cli.conventions.command_tree import list_choices, list_commands
from controller.cli.output_places import INPUTS, OUTPUTS, list_outputs, refuse_lost_inputs
from tests.cli.running import here
from tests.policies import SHIPPED

COMMANDS: dict[str, Any] = dict(list_commands())
WRITING = [
    (words, name) for words, one in COMMANDS.items() for name in list_outputs(words, (p.name for p in one.params))
]
RULES = "policies/access/rules.yaml"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with policies, and an operators' file that names a state folder beside it."""
    shutil.copytree(SHIPPED, tmp_path / "work/policies")
    (tmp_path / "office").mkdir(mode=0o700)
    operators = tmp_path / "office/operations.yaml"
    operators.write_text(f"format: 1\nstate: {tmp_path / 'office/state'}\n", "utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    return tmp_path / "work"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[IO[str]]:
    """A file that this process has open, as a shell opens one for `> FILE`."""
    with (tmp_path / "said.txt").open("w", encoding="utf-8") as file:
        yield file


def list_paths(command: Any) -> Iterator[str]:  # noqa: ANN401 of a class that the library does not show
    """The parameters of a command that hold a path."""
    yield from (one.name for one in command.params if "Path" in str(one.type_descriptor.annotation))


def write_words(words: str, name: str, output: str) -> list[str]:
    """Write a command line with all that a command asks for; `output` is the value of one parameter."""
    options: list[str] = []
    arguments: list[str] = []
    for one in COMMANDS[words].params:
        value = output if one.name == name else next(iter(list_choices(one)), "some")
        if one.param_type_name == "argument":
            arguments.append(value)
        elif one.name == name or one.required:
            options += [one.opts[0], value]
    return [*words.split(), *arguments, *options]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_path_that_a_command_takes_is_known_as_read_or_written(words: str) -> None:
    """A new option says which it is: what is written is guarded from then on."""
    assert set(list_paths(COMMANDS[words])) <= OUTPUTS | INPUTS | {"policies", "state"}


@pytest.mark.parametrize(("words", "name"), WRITING)
def test_no_command_writes_over_a_policy_or_what_the_controller_keeps(
    place: Path, opened: IO[str], words: str, name: str
) -> None:
    office = place.parent / "office"
    (place / "out").symlink_to(f"/proc/self/fd/{opened.fileno()}")
    for output, why in (
        ("out", f"is open already, as {opened.name}"),
        (RULES, "is in the folder of the policies"),
        (str(office / "operations.yaml"), "is the operators' file"),
        (str(office / "state/audit/trail-000001.jsonl"), "is what the operators' file names"),
        (".tsunagu/rollouts/rollouts.sqlite", "is what the controller keeps in .tsunagu"),
    ):
        done = here(*write_words(words, name, output), cwd=place)
        assert (done.code, why in " ".join(done.errors.split())) == (64, True), (output, done.errors)
    assert (place / RULES).read_bytes() == (SHIPPED / "access/rules.yaml").read_bytes()


def test_there_are_commands_that_write() -> None:
    assert {"rollout undo", "playbook run", "render", "backup create", "adopt"} <= {words for words, _ in WRITING}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("plan", "--all", "-o", "key", "--sign-with", "key"), "-o key: is the file of --sign-with, too"),
        (("plan", "--all", "-o", "key", "--sign-with", "key.pub"), "-o key: is the file of --sign-with, too"),
        (("adopt", "as-e04", "--configs", ".", "-o", "sw1.cfg"), "-o sw1.cfg: is a file of --configs"),
    ],
)
def test_what_is_read_is_not_written_over(place: Path, words: tuple[str, ...], why: str) -> None:
    for name in ("key", "key.pub", "sw1.cfg"):
        (place / name).write_text("mine", "utf-8")
    done = here(*words, cwd=place)
    assert (done.code, why in " ".join(done.errors.split())) == (64, True), done.errors
    assert {(place / name).read_text("utf-8") for name in ("key", "key.pub", "sw1.cfg")} == {"mine"}


def test_the_usual_state_folder_is_guarded_where_another_is_named(place: Path) -> None:
    done = here("plan", "--lab", "--all", "--state", "other", "-o", ".tsunagu/rollouts/rollouts.sqlite", cwd=place)
    assert (done.code, "is what the controller keeps in .tsunagu" in " ".join(done.errors.split())) == (64, True)


@pytest.mark.parametrize("name", ["plan.json.made-here", "plan.json.sig"])
def test_what_is_saved_beside_a_plan_replaces_no_other_file(name: str) -> None:
    """A plan is saved with its signature and the record that it was made here; both have names of their own."""
    for outputs, inputs, other in (
        ({"-o": Path("plan.json")}, {"--reservations": Path(name)}, "--reservations"),
        ({"-o": Path("plan.json"), "--carried-to": Path(name)}, {}, "-o"),
    ):
        with pytest.raises(typer.BadParameter, match=f"is the file of {other}, too"):
            refuse_lost_inputs(outputs, inputs, Path("policies"))

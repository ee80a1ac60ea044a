"""What a drill of a region refuses before its first change, and what it says of a real city."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from controller.errors import DrillRefused, TsunaguError
from controller.lab.trials.region.drill_request import (
    REAL_FLAG,
    STEPS,
    check_drill_request,
    choose_steps,
    explain_real_stack,
)
from controller.lab.trials.region.region_scene import check_drill_requirements, hold_drill_folder
from controller.lab.trials.region.rehearsed_stack import DrilledStack, choose_drilled_stack, find_stack_file
from controller.storage.file_lock import hold_folder_lock
from stacks.settings.read_configuration import parse_stack_configuration
from tests.cli.running import ROOT, here

LAB, PRODUCTION = find_stack_file("lab"), find_stack_file("production")


class Computer:
    """A computer that has everything, or does not."""

    def __init__(self, lacks: str = "") -> None:
        self.lacks = lacks

    def is_linux(self) -> bool:
        return self.lacks != "Linux"

    def is_root(self) -> bool:
        return self.lacks != "root"

    def find_program(self, name: str) -> str | None:
        return None if name == self.lacks else f"/usr/bin/{name}"

    def find_postgres(self) -> Path | None:
        return None if self.lacks == "PostgreSQL" else Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def stack() -> DrilledStack:
    return choose_drilled_stack(LAB)


@pytest.mark.parametrize("lacks", ["Linux", "root", "unshare", "PostgreSQL"])
def test_what_a_computer_lacks_is_said_before_anything_is_changed(lacks: str) -> None:
    with pytest.raises(DrillRefused, match=f"missing:\n.*{lacks}"):
        check_drill_requirements(Computer(lacks))
    assert check_drill_requirements(Computer()).name == "bin"


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        (
            ["switchover"],
            "switchover: tokyo is lost at that moment, and a switchover needs both .*: failover comes before",
        ),
        (["failover", "switchover"], "switchover: tokyo is lost .*: rebuild comes before"),
        (["rebuild"], "rebuild: no region is lost"),
        (["failover", "failover"], "failover: tokyo is lost, so there is nothing to turn to"),
        (["failover", "rebuild", "rebuild"], "rebuild: no region is lost"),
        (["failover", "rebuild", "switchover", "switchover"], "switchover: "),
    ],
)
def test_a_wrong_order_is_refused_with_the_right_one(stack: DrilledStack, steps: Sequence[str], named: str) -> None:
    with pytest.raises(DrillRefused, match=f"^{named}.*In order: failover, rebuild, switchover.*Nothing was changed"):
        check_drill_request(stack, "tokyo", choose_steps(steps))
    assert stack.operations == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_drill_may_end_after_any_of_its_steps(stack: DrilledStack, number: int) -> None:
    check_drill_request(stack, "tokyo", STEPS[:number])


@pytest.mark.parametrize(("region", "named"), [("osaka", "tokyo is written to"), ("kyoto", "tokyo and osaka")])
def test_only_the_region_that_is_written_to_can_be_lost(stack: DrilledStack, region: str, named: str) -> None:
    with pytest.raises(DrillRefused, match=named):
        check_drill_request(stack, region, STEPS)


def test_the_drilled_stack_is_the_labs_with_what_the_operations_need(stack: DrilledStack) -> None:
    before, after = yaml.safe_load(LAB.read_text(encoding="utf-8")), yaml.safe_load(stack.format_file())
    ours = after["config"]["tsunagu:applications"]["affairs"].pop("database")
    theirs = before["config"]["tsunagu:applications"]["affairs"].pop("database")
    assert {**ours, **theirs} == {**theirs, "generation": 1, "operations": []}
    assert (ours["edition"], after["config"].pop("tsunagu:protected")) == ("ENTERPRISE_PLUS", "true")
    before["config"].pop("tsunagu:protected")
    assert after == before


def test_the_drilled_stack_is_one_that_the_stacks_program_takes(stack: DrilledStack, tmp_path: Path) -> None:
    stack.operations += [{"failover": "osaka"}, {"rebuild": "tokyo"}, {"designate": "tokyo"}, {"switchover": "tokyo"}]
    file = tmp_path / "Pulumi.lab.yaml"
    file.write_text(stack.format_file(), encoding="utf-8")
    values = yaml.safe_load(stack.format_file())["config"]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    found = parse_stack_configuration("lab", texts, file)
    assert found.find_pair(found.databases["affairs"]).primary.region == "tokyo"


def test_a_stack_without_a_pair_is_refused(tmp_path: Path) -> None:
    document = yaml.safe_load(LAB.read_text(encoding="utf-8"))
    settings = document["config"]
    settings["tsunagu:regions"] = settings["tsunagu:regions"][:1]
    settings["tsunagu:serving"] = ["tokyo"]
    del settings["tsunagu:network"]["osaka"]
    for one in settings["tsunagu:applications"].values():
        one["hosting"].pop("osaka", None)
    file = tmp_path / "Pulumi.lab.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(DrillRefused, match="no application of this stack has a database with a replica"):
        choose_drilled_stack(file)


def test_a_lab_without_regions_has_the_default_ones_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    document = yaml.safe_load(LAB.read_text(encoding="utf-8"))
    del document["config"]["tsunagu:regions"]
    file = tmp_path / "Pulumi.lab.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert choose_drilled_stack(file).standby.id == "osaka"
    for content in ("", "config: {", "config:\n  tsunagu:applications: 5\n"):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(TsunaguError, match=r"Pulumi\.lab\.yaml"):
            choose_drilled_stack(file)


@pytest.mark.parametrize("stack_name", ["production", "staging"])
def test_a_real_stack_is_refused_without_its_flag_and_never_touched_with_it(stack_name: str, tmp_path: Path) -> None:
    words = ("drill", "region", "tokyo", "--stack", stack_name)
    without = here(*words, cwd=tmp_path)
    assert (without.code, without.said) == (1, "")
    assert f"{stack_name} is a real stack: a drill cuts nothing there" in without.errors
    told = here(*words, REAL_FLAG, cwd=tmp_path)
    assert told.code == 1
    assert f"{stack_name}: not modelled: this program loses no region of a real city" in told.errors
    assert "affairs: a drill is a switchover to osaka and back" in told.said
    assert told.said.index("{designate: osaka}") < told.said.index("{switchover: osaka}")
    assert list(tmp_path.iterdir()) == []


def test_the_runbook_of_a_real_stack_begins_where_its_pair_is(tmp_path: Path) -> None:
    document = yaml.safe_load(PRODUCTION.read_text(encoding="utf-8"))
    database = document["config"]["tsunagu:applications"]["affairs"]["database"]
    file = tmp_path / "Pulumi.production.yaml"

    def explain(*operations: dict[str, str], region: str = "tokyo") -> str:
        database["operations"] = list(operations)
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        return "\n".join(explain_real_stack("production", region, file, knows=True))

    assert "designate" not in explain({"designate": "osaka"})
    assert "written to in osaka, and no copy follows" in explain({"failover": "osaka"}, region="osaka")
    assert "no database of production is written to in tokyo" in explain({"failover": "osaka"})
    with pytest.raises(DrillRefused, match=r"--stack moon: there are lab, .*production"):
        list(explain_real_stack("moon", "tokyo", file, knows=True))


def test_a_stack_that_has_no_database_or_no_proper_file_is_refused(tmp_path: Path) -> None:
    done = here("drill", "region", "tokyo", "--stack", "bootstrap", REAL_FLAG, cwd=tmp_path)
    assert (done.code, done.said) == (1, "")
    assert "--stack bootstrap: it has no database" in done.errors
    file = tmp_path / "Pulumi.production.yaml"
    proper = PRODUCTION.read_text(encoding="utf-8")
    no_map = proper.replace("tsunagu:applications:", "tsunagu:applications: []\n  tsunagu:others:")
    for content in ("", "[]", "config: {", "config: []", "config:\n  tsunagu:applications: 5\n", no_map):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(TsunaguError, match=r"Pulumi\.production\.yaml"):
            list(explain_real_stack("production", "tokyo", file, knows=True))


def test_wrong_orders_end_the_command_before_a_record_is_begun(tmp_path: Path) -> None:
    for words in (("osaka",), ("tokyo", "--step", "switchover"), ("tokyo", "--step", "rebuild")):
        done = here("drill", "region", *words, "--policies", str(ROOT / "policies"), cwd=tmp_path)
        assert (done.code, done.said) == (1, ""), words
    assert list(tmp_path.iterdir()) == []


def test_two_drills_at_once_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "drill"
    state.mkdir()
    with (
        hold_folder_lock(state),
        pytest.raises(DrillRefused, match="another drill of a region is at work"),
        hold_drill_folder(state, lambda _: None),
    ):
        pass
    assert state.exists()

"""Wrong input as a new user would give it: one clear message on standard error, an exit code, never a traceback."""

# ruff: noqa: RUF001 Japanese writes with wide signs

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.cli.output import Exit
from controller.plan.document import PlanFile, save_plan
from tests.cli.running import Done, here, in_a_process
from tests.policies import TODAY, PolicyFolder

RULES = "access/rules.yaml"


def nothing(_folder: PolicyFolder) -> None:
    """The policies stay as they are."""


@dataclass(frozen=True)
class Case:
    """A command in a folder with `policies/`, and what must be said."""

    arguments: str
    code: Exit
    says: tuple[str, ...]
    prepare: Callable[[PolicyFolder], object] = nothing


def plan_file(text: str) -> Callable[[PolicyFolder], object]:
    return lambda folder: (folder.path.parent / "plan.json").write_text(text, encoding="utf-8")


def plan_of_another_city(folder: PolicyFolder) -> None:
    plan = PlanFile(
        city="osaka-virtual",
        policy="0" * 64,
        on=TODAY,
        estate="virtual",
        made=datetime.now(UTC),
        expires=datetime.now(UTC) + timedelta(hours=1),
        canary="",
        devices=(),
        unplanned=(),
    )
    save_plan(plan, folder.path.parent / "plan.json")


def saved(folder: PolicyFolder, name: str) -> None:
    configs = folder.path.parent / "configs"
    configs.mkdir()
    (configs / name).write_text("hostname switch1\n", encoding="utf-8")


def stranger(folder: PolicyFolder) -> None:
    saved(folder, "switch1.cfg")


def moved_school(folder: PolicyFolder) -> None:
    folder.edit("city/schools/asao.yaml", "    ward: asao\n", "    ward: asao\n    ipv4: 10.1.0.0/16\n")


EXPLAIN = "explain --from kw-s01/staff --to affairs"
CASES = {
    "no policies folder": Case("check --policies nowhere", Exit.FAILED, ("nowhere:1: no such folder; --policies DIR",)),
    "tab": Case(
        "check",
        Exit.FAILED,
        ("policies/access/rules.yaml:10: a tab stands in the indentation; YAML allows only spaces there",),
        lambda folder: folder.edit(RULES, "    effect: permit", "\teffect: permit"),
    ),
    "unknown segment": Case(
        "check",
        Exit.FAILED,
        ("policies/access/rules.yaml:9: network.from: unknown segment 'stuff'; allowed: controller, external-",),
        lambda folder: folder.edit(RULES, "{from: [staff]}", "{from: [stuff]}"),
    ),
    "overlapping prefix": Case(
        "check",
        Exit.FAILED,
        ("10.1.0.0/16 of school as-e01", "overlaps 10.1.0.0/16 of school"),
        moved_school,
    ),
    "two files wrong": Case(
        "check",
        Exit.FAILED,
        ("policies/access/rules.yaml:10: rules.0.effect: ", "policies/access/segments.yaml:9: segments.0.vlan: "),
        lambda folder: (
            folder.edit(RULES, "effect: permit", "effect: allow"),
            folder.edit("access/segments.yaml", "vlan: 10", "vlan: 0"),
        ),
    ),
    "unknown school": Case(
        "plan --school kw-x99",
        Exit.FAILED,
        ("there is no school 'kw-x99' in the city; there are: kw-e01 (仮・川崎第一小学校), ",),
    ),
    "unknown ward": Case(
        "plan --ward shibuya", Exit.FAILED, ("there is no ward 'shibuya' in the city; there are: kawasaki, saiwai",)
    ),
    "unknown school of the lab": Case(
        "drift --lab --school as-e01",
        Exit.FAILED,
        ("there is no school 'as-e01' in the virtual city; did you mean as-e04 (",),
    ),
    "unknown device": Case(
        "trust kw-s01-core9",
        Exit.FAILED,
        ("the city has no device 'kw-s01-core9'; device ids are", "; did you mean kw-s01-core1"),
    ),
    "unknown application": Case(
        "explain --from kw-s01/staff --to mail", Exit.FAILED, ("there is no application 'mail'; there are: affairs",)
    ),
    "unknown segment to explain": Case(
        "explain --from kw-s01/stuff --to affairs", Exit.FAILED, ("there is no segment 'stuff'; there are: staff, ",)
    ),
    "no segment to explain": Case(
        "explain --from kw-s01 --to affairs", Exit.FAILED, ("--from 'kw-s01': write SCHOOL/SEGMENT, e.g. ",)
    ),
    "unknown role": Case(
        f"{EXPLAIN} --role techer",
        Exit.FAILED,
        ("there is no role 'techer'; there are: teacher, ", "; did you mean teacher"),
    ),
    "unknown place": Case(
        f"{EXPLAIN} --role teacher --place moon", Exit.FAILED, ("there is no place 'moon'; there are: own-school, ",)
    ),
    "no time": Case(
        f"{EXPLAIN} --role teacher --at noon", Exit.FAILED, ("--at 'noon': write a time like 2026-11-24T10:00",)
    ),
    "no plan": Case(
        "apply plan.json",
        Exit.FAILED,
        ("there is no such plan; make one with: tsunagu plan --all -o plan.json, or with --school",),
    ),
    "half-written plan": Case(
        "apply plan.json",
        Exit.FAILED,
        (
            "plan.json: not a whole plan (line 1); it may be half written. Make it anew with: ",
            "tsunagu plan --all -o plan.json",
        ),
        plan_file('{"plan": {"format": 1, "city": "kawasaki-vi'),
    ),
    "old plan": Case(
        "apply plan.json",
        Exit.FAILED,
        (
            "plan.json: the plan is of format 0; this release reads ",
            "Make it anew with: tsunagu plan --all -o ",
        ),
        plan_file('{"version": 0, "devices": []}'),
    ),
    "plan of another city": Case(
        "apply plan.json",
        Exit.FAILED,
        ("plan.json: the plan is of the city 'osaka-virtual'; these policies are of 'kawasaki-virtual'",),
        plan_of_another_city,
    ),
    "policies are a file": Case(
        "check --policies policies/city/city.yaml",
        Exit.FAILED,
        ("city.yaml:1: is a file, not a folder; --policies DIR",),
    ),
    "a day with slashes": Case("check --on 2026/12/1", Exit.USAGE, ("--on '2026/12/1': write a date as 2026-12-01",)),
    "no day": Case("check --on 2026-02-30", Exit.USAGE, ("--on '2026-02-30': there is no such day; write a date",)),
    "a day before all time zones": Case(
        "measure schedule --all --day 0001-01-01", Exit.USAGE, ("--day '0001-01-01': the years 2000 to 2199",)
    ),
    "a day after all time zones": Case(
        "check --on 9999-12-31", Exit.USAGE, ("the years 2000 to 2199 are known; write a date as",)
    ),
    "a cut-over on no day": Case(
        "integrate plan as-e04 --to coexist --cutover 2026/12/1",
        Exit.USAGE,
        ("--cutover '2026/12/1': write a date as 2026-12-01",),
    ),
    "a number that no row has": Case(
        f"report measurement {2**63}", Exit.USAGE, (f"less than or equal to {2**63 - 1}",)
    ),
    "a school without its zero": Case("plan --school kw-e1", Exit.FAILED, ("; did you mean kw-e01 (",)),
    "a school in wide letters": Case("plan --school ＫＷ-e01", Exit.FAILED, ("; did you mean kw-e01 (",)),
    "a configuration with another ending": Case(
        "plan --school kw-s01 --configs configs",
        Exit.FAILED,
        ("configs/kw-s01-core1.txt:1: is not read; rename it to kw-s01-core1.cfg",),
        lambda folder: saved(folder, "kw-s01-core1.txt"),
    ),
    "a configuration to judge with another ending": Case(
        "prove --school kw-s01 --configs configs",
        Exit.FAILED,
        ("configs/KW-S01-CORE1.CFG:1: is not read; rename it to kw-s01-core1.cfg",),
        lambda folder: saved(folder, "KW-S01-CORE1.CFG"),
    ),
    "no selection": Case("plan", Exit.USAGE, ("name --school or --ward (each may be repeated), or --all",)),
    "too much of a selection": Case("plan --all --school kw-s01", Exit.USAGE, ("name --school or --ward",)),
    "unknown option": Case("plan --al", Exit.USAGE, ("No such option: --al",)),
    "unknown command": Case("plam", Exit.USAGE, ("No such command 'plam'",)),
    "approve without a key": Case("approve plan.json", Exit.USAGE, ("Missing option '--sign-with'",)),
    "approve no plan": Case("approve plan.json --sign-with k", Exit.FAILED, ("plan.json: there is no such plan",)),
    "sign nothing": Case(
        "plan --lab --school kw-s01 --sign-with k", Exit.USAGE, ("there is nothing to sign without -o",)
    ),
    "undo of no digest": Case(
        "plan --lab --school kw-s01 --undo yesterday", Exit.FAILED, ("is no digest of a policy",)
    ),
    "undo of nothing applied": Case(
        "plan --lab --school kw-s01 --undo 0123456789ab", Exit.FAILED, ("holds 0 policies whose digest begins with",)
    ),
    "missing argument": Case("apply", Exit.USAGE, ("Missing argument",)),
    "plan saved from files": Case(
        "plan --school kw-s01 --configs configs -o plan.json", Exit.USAGE, ("leave out one of --configs and -o",)
    ),
    "stranger": Case(
        "plan --school kw-s01 --configs configs",
        Exit.FAILED,
        ("configs/switch1.cfg:1: belongs to no selected device; files are named DEVICE.cfg, e.g. kw-s01-rt1.cfg",),
        stranger,
    ),
    "no folder of configurations": Case(
        "plan --school kw-s01 --configs configs", Exit.FAILED, ("configs:1: no such folder",)
    ),
    "nothing to prove": Case("prove --school kw-s01 --configs configs", Exit.FAILED, ("configs:1: no such folder",)),
    "a file where a folder should be": Case(
        "render --school kw-s01 -o plan.json", Exit.FAILED, ("plan.json: the folder cannot be made: ",), plan_file("")
    ),
}


REAL = ("tab", "half-written plan", "plan of another city", "no selection", "stranger")
"""These are run in a process of their own, too: starting Python is most of such a run."""


def files(folder: Path) -> set[tuple[Path, bytes]]:
    return {(path, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "run"), [*((name, here) for name in CASES), *((name, in_a_process) for name in REAL)])
def test_wrong_input(tmp_path: Path, name: str, run: Callable[..., Done]) -> None:
    case = CASES[name]
    folder = PolicyFolder(tmp_path)
    case.prepare(folder)
    before = files(tmp_path)
    done = run(*case.arguments.split(), cwd=tmp_path)
    assert files(tmp_path) == before
    assert "Traceback" not in done.errors + done.said
    assert done.code == case.code, done.errors
    assert done.said == ""
    assert done.errors.startswith("tsunagu: ")
    assert done.errors.count("tsunagu: ") == 1
    for text in case.says:
        assert text in done.errors

"""`tsunagu adopt`, run as a user would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from controller.cli.output import Exit
from tests.adoption.conftest import CATALYST, TEXTS, X530
from tests.cli.running import ROOT, Done, here

POLICIES = ("--policies", str(ROOT / "policies"), "--on", "2026-12-01")


def adopt(place: Path, device: str, *more: str, text: str | None = None) -> Done:
    configs = place / "configs"
    configs.mkdir(exist_ok=True)
    if text is None:
        shutil.copy(TEXTS / f"{device}.cfg", configs)
    else:
        (configs / f"{device}.cfg").write_text(text, encoding="utf-8")
    return here("adopt", device.rpartition("-")[0], "--configs", "configs", *POLICIES, *more, cwd=place)


def test_people_read_segments_names_and_choices(tmp_path: Path) -> None:
    done = adopt(tmp_path, CATALYST)
    lines = [line.strip() for line in done.said.splitlines()]
    assert done.code == Exit.NOT_JUDGED
    assert "VLAN 150 VOICE -> none that is known; it stays as it is, and is not judged" in lines
    at = lines.index("line 10: vlan 10: STAFF -> TSN-staff")
    assert lines[at + 1 : at + 3] == ["enter:     vlan 10 / name TSN-staff", "give back: vlan 10 / name STAFF"]
    assert any(
        line.startswith("configs/kw-s01-core1.cfg:52: interface GigabitEthernet1/0/3: it carries") for line in lines
    )
    assert (
        "proof: 25 texts parsed; 24 states on the way let through what both ends do, and nothing that neither does"
        in lines
    )
    assert "- not judged: kw-s01-floor1: no configuration was given (configs/kw-s01-floor1.cfg)" in lines
    assert "nothing was changed" in lines[-1]


def test_programs_read_one_document_with_all_commands(tmp_path: Path) -> None:
    done = adopt(tmp_path, X530, "--json", "--to", "ports")
    document = json.loads(done.said)
    (device,) = document["devices"]
    assert (document["school"], document["to"], device["device"]) == ("as-e01", "ports", X530)
    (lists,) = (one for one in device["hand_overs"] if one["kind"] == "access lists")
    assert sum(line.startswith("access-list hardware TSN-") for line in lists["commands"]) == 16
    assert len(document["not_judged"]) > 1
    assert {"kw-s01-core1"}.isdisjoint(document["not_judged"])


def test_a_text_that_is_refused_weighs_most(tmp_path: Path) -> None:
    done = adopt(tmp_path, CATALYST, text="vlan 10\n name TSN-staff\nvlan 10\n name TSN-staff\n")
    assert done.code == Exit.FAILED
    assert any(line.startswith("x ") and "stands twice" in line for line in done.said.replace("\n  ", " ").splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("adopt", "kw-s01", "--to", "everything"),
            "'everything' is no level to adopt a school to; write filters, ports or all",
        ),
        (("adopt", "kw-s99"), "kw-s99"),
        (("adopt",), "SCHOOL"),
    ],
)
def test_what_nobody_can_mean_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = here(*words, *POLICIES, cwd=tmp_path)
    assert done.code in {Exit.USAGE, Exit.FAILED}
    assert said in done.errors.replace("\n", " ")

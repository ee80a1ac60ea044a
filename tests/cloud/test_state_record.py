"""A state that is cut off, deleted or older: what is chosen, and that the preview is empty after it was put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.cloud.state_record import choose_newest_record, main
from controller.errors import CloudError
from tests.cloud.conftest import Tiny


def record(stack: str = "lab", time: str = "2026-11-30T01:00:00Z", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    resources = [{"urn": f"urn:pulumi:{stack}::p::pulumi:pulumi:Stack::p-{stack}", "type": "pulumi:pulumi:Stack"}]
    latest = {"manifest": {"time": time}, "resources": resources, **changes}
    return {"version": 3, "checkpoint": {"stack": stack, "latest": latest}}


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_the_newest_that_is_whole_is_chosen(tmp_path: Path) -> None:
    write(tmp_path / "old.json", record(time="2026-11-01T00:00:00Z"))
    newer = write(tmp_path / "newer.json.bak", record(time="2026-11-29T00:00:00Z"))
    (tmp_path / "newest.json").write_text(json.dumps(record())[:-3], encoding="utf-8")
    write(tmp_path / "note.json.attrs", record(time="2027-01-01T00:00:00Z"))
    found = choose_newest_record("lab", [tmp_path])
    assert found.path == newer
    assert json.loads(found.format_import())["deployment"]["manifest"]["time"] == "2026-11-29T00:00:00Z"


def test_the_newest_is_chosen_by_its_moment_and_not_by_its_clock(tmp_path: Path) -> None:
    write(tmp_path / "laptop.json", record(time="2026-11-30T22:10:00.123456789+09:00"))
    newer = write(tmp_path / "job.json", record(time="2026-11-30T13:30:00Z"))
    write(tmp_path / "timeless.json", record(manifest={}))
    assert choose_newest_record("lab", [tmp_path]).path == newer


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (record("staging"), "another stack"),
        (record(resources=[]), "no resources"),
        (record(resources=None), "no resources"),
        (record(manifest=None), "no resources"),
        (record(manifest={}), "when it was written"),
        (record(time="yesterday"), "when it was written"),
        (record(time="2026-11-30T13:30:00"), "when it was written"),
        ({**record(), "version": 4}, "version 3"),
        ({"version": 3}, "version 3"),
        ([], "version 3"),
    ],
)
def test_what_is_no_record_of_the_stack_is_named(value: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=words):
        choose_newest_record("lab", [write(tmp_path / "one.json", value)])


def test_a_place_with_nothing_whole_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", str(tmp_path / "missing.json")]) == 1
    assert main(["lab", str(tmp_path)]) == 1
    assert "no whole record of the stack lab" in capsys.readouterr().err
    assert main(["lab"]) == 64


@pytest.mark.parametrize("fault", ["cut off", "deleted"])
def test_a_lost_state_is_put_back_and_the_preview_is_empty(tiny: Tiny, tmp_path: Path, fault: str) -> None:
    assert tiny.pulumi("up", "--yes", "--skip-preview").returncode == 0
    (state,) = tiny.rehearsal.backend.rglob("stacks/**/lab.json")
    copies = tmp_path / "copies"
    copies.mkdir()
    exported = tiny.engine.ask("stack", "export", "--stack", "lab")
    (copies / "version.json").write_text(exported, encoding="utf-8")
    whole = state.read_bytes()
    if fault == "deleted":
        for one in state.parent.glob("lab.json*"):
            one.unlink()
        assert tiny.pulumi("preview").returncode != 0
        tiny.engine.ask("stack", "init", "lab")
    else:
        state.write_bytes(whole[: len(whole) // 2])
        assert tiny.pulumi("preview").returncode != 0, "a state that is cut off is noticed"
    (copies / "lab.json").write_bytes(whole[: len(whole) // 2])
    found = choose_newest_record("lab", [copies])
    assert found.path.name == "version.json"
    if fault == "cut off":
        state.write_bytes(json.dumps(record()).encode())
    tiny.engine.ask("stack", "import", "--stack", "lab", given=found.format_import())
    assert tiny.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes").returncode == 0
    assert tiny.pulumi("preview", "--expect-no-changes").returncode == 0


def test_an_older_state_would_make_again_what_is_there_and_says_so(tiny: Tiny) -> None:
    """The runbook's warning: nothing hides that the record is older, and no `up` is needed to see it."""
    tiny.pulumi("up", "--yes", "--skip-preview")
    older = tiny.engine.ask("stack", "export", "--stack", "lab")
    tiny.pulumi("up", "--yes", "--skip-preview", more=1)
    newer = tiny.engine.ask("stack", "export", "--stack", "lab")
    tiny.engine.ask("stack", "import", "--stack", "lab", given=older)
    seen = tiny.pulumi("preview", "--refresh", "--expect-no-changes", more=1)
    assert seen.returncode != 0
    assert "+ 1 to create" in seen.stdout
    refused = tiny.pulumi("up", "--yes", "--skip-preview", more=1)
    assert "already exists" in refused.stdout
    tiny.engine.ask("stack", "import", "--stack", "lab", given=newer)
    assert tiny.pulumi("preview", "--refresh", "--expect-no-changes", more=1).returncode == 0

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE_INVENTORY = Path(sys.executable).parent / "ansible-inventory"


def inventory(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ANSIBLE_INVENTORY, "--list", "--export"],
        cwd=ROOT / "playbooks",
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def plain(value: Any) -> Any:  # noqa: ANN401 JSON
    """Ansible marks values of inventories, so that no template in them is ever run."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else value


def test_the_groups_are_those_of_the_city() -> None:
    found: dict[str, Any] = json.loads(inventory(TSUNAGU_LAB="1").stdout)
    assert "as-e04-core1" in found["ward_asao"]["hosts"]
    assert "as-e04-core1" in found["kind_elementary"]["hosts"]
    assert "as-e04-core1" in found["platform_ovs"]["hosts"]
    assert "as-e04-core1" in found["operable"]["hosts"]
    assert "as-e04-core1" in found["phase_all"]["hosts"]
    assert "as-e04-core1" in found["wave_canary"]["hosts"]
    assert {"wave_wards_takatsu", "wave_without_restore"} <= found.keys()
    variables = found["_meta"]["hostvars"]["as-e04-core1"]
    assert plain(variables["ansible_host"]) == "10.157.10.10"
    assert plain(variables["school"]) == "as-e04"


def test_wrong_policies_are_named_with_file_and_line(tmp_path: Path) -> None:
    done = inventory(TSUNAGU_POLICIES=str(tmp_path / "absent"))
    assert done.returncode != 0
    assert f"{tmp_path / 'absent'}:1: no such folder" in done.stderr
    assert "Traceback" not in done.stderr

"""A text of the city is never run by Ansible: neither by the installed release, nor by one that the project allows.

Seen before, with ansible-core 2.18: `user: "{{ lookup('pipe', ...) }}"` in the city file ran as root in the backup
playbook. Names hold no braces any more (`test_character_classes.py`); this is what holds if one ever does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
sys.path[:0] = [{root!r}, {plugins!r}]
import ansible.plugins.loader  # the order in which Ansible loads itself
from ansible.parsing.dataloader import DataLoader
from ansible.inventory.data import InventoryData
from ansible.template import Templar
import tsunagu
from controller.plan.playbook_tasks.inventory import Host

hostile = json.loads(sys.argv[1])
variables = {{f"v{{number}}": text for number, text in enumerate(hostile)}}
tsunagu.load_city_once = lambda *_: None
tsunagu.select_devices = lambda *_: ()
tsunagu.name_waves = lambda *_: {{}}
tsunagu.list_hosts = lambda *_: [Host("h", ("g",), variables)]

class Module(tsunagu.InventoryModule):
    _load_name = "tsunagu"
    def _read_config_data(self, path): return {{}}
    def get_option(self, name): return {{"policies": ".", "lab": False}}[name]

inventory, loader = InventoryData(), DataLoader()
Module().parse(inventory, loader, "x.tsunagu.yml")
found = inventory.hosts["h"].vars
templar = Templar(loader=loader, variables=dict(found))
try:
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = str
shown = {{name: str(templar.template(trust_as_template("{{{{ " + name + " }}}}"))) for name in variables}}
plain = {{name: str(templar.template(found[name])) for name in variables}}
print(json.dumps([shown, plain]))
"""


def run_plugin(hostile: list[str], cwd: Path) -> list[dict[str, str]]:
    script = SCRIPT.format(root=str(ROOT), plugins=str(ROOT / "playbooks/plugins/inventory"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, json.dumps(hostile)],
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_template_in_a_variable_of_the_inventory_is_a_text(tmp_path: Path) -> None:
    run = f"touch {tmp_path}/ran"
    hostile = [
        f"{{{{ lookup('pipe', '{run}') }}}}",
        f"{{{{ query('pipe', '{run}') }}}}",
        f"{{% set x = lookup('pipe', '{run}') %}}{{{{ x }}}}",
        f"{{{{ lookup('file', '/etc/passwd') }}}}{{# {run} #}}",
        f"a {{{{ lookup('template', '{tmp_path}/t') }}}} b",
        "{{ 7 * 7 }}",
        "{{ lookup('first_found', ['/etc/passwd']) }}",
        f"!unsafe {{{{ lookup('pipe', '{run}') }}}}",
    ]
    (tmp_path / "t").write_text(hostile[0], encoding="utf-8")
    shown, plain = run_plugin(hostile, tmp_path)
    assert list(shown.values()) == hostile
    assert list(plain.values()) == hostile
    assert not (tmp_path / "ran").exists()


def test_the_values_of_the_shipped_inventory_are_marked_unsafe() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-inventory", "--list", "--export"],
        cwd=ROOT / "playbooks",
        env={**os.environ, "LC_ALL": "C.UTF-8", "TSUNAGU_LAB": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert len(hosts) > 4
    for variables in hosts.values():
        for name, value in variables.items():
            assert isinstance(value, int) or list(value) == ["__ansible_unsafe"], name


@pytest.mark.parametrize("version", ["2.17.0", "2.18.0", "2.18.19"])
def test_a_release_that_runs_templates_of_an_inventory_is_not_allowed(version: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (core,) = [one for one in map(Requirement, project["dependencies"]) if one.name == "ansible-core"]
    assert not core.specifier.contains(version)
    assert core.specifier.contains("2.19.14")


def test_roles_and_collections_ask_for_the_same_release() -> None:
    metas = [*(ROOT / "playbooks").rglob("meta/main.yml"), *(ROOT / "playbooks").rglob("meta/runtime.yml")]
    assert metas
    for path in metas:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        asked = document.get("galaxy_info", {}).get("min_ansible_version") or document["requires_ansible"].strip(">=")
        assert tuple(map(int, re.findall(r"\d+", str(asked)))) >= (2, 19), path

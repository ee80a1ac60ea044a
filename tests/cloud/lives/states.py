"""The states that a stack of the city can be in, and how it comes there from the one before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controller.model.policy_files import APPLICATIONS, FLOWS, RULES
from tests.cloud.lives.stack_life import StackLife
from tests.stacks.declared import ROOT

Move = Callable[[StackLife], None]
"""Changes a life's file, policy or world; the deployment comes after it."""
STACKS = ("lab", "staging", "production")
OF_A_PAIR = ("staging", "production")
"""Stacks whose database's edition and protection allow operations on its pair."""
TOKYO = "asia-northeast1"
KEY = "gcp:kms/cryptoKey:CryptoKey"
_UNPROTECT = re.compile(r"state unprotect '([^']+)'")
WITH_DATA, WITHOUT_DATA = "affairs", "learning-dashboard"


@dataclass(frozen=True, slots=True)
class StackState:
    """A state. `before` is deployed first, each in a deployment of its own; `last` leads into the state.

    `is_googles`: Google does it by itself and the engine learns of it by a refresh, so there is nothing to deploy.
    `only_removes`: nothing is created or changed on the way.
    """

    last: Move
    before: tuple[Move, ...] = ()
    stacks: tuple[str, ...] = STACKS
    is_googles: bool = False
    only_removes: bool = False


def _begin(_life: StackLife) -> None:
    """The stack as its file is committed: both regions serve."""


def _serve_one(life: StackLife) -> None:
    life.settings["tsunagu:serving"] = ["osaka"]


def operate(**operation: str) -> Move:
    """Return what adds an operation on the database to the file."""

    def add(life: StackLife) -> None:
        database: dict[str, Any] = life.settings["tsunagu:applications"][WITH_DATA]["database"]
        database["operations"] = [*database.get("operations", ()), operation]

    return add


def _lose_tokyo(life: StackLife) -> None:
    life.lost = TOKYO
    operate(failover="osaka")(life)


def _come_back(life: StackLife) -> None:
    """Tokyo is back, and the engine has learnt of it, as the runbook says."""
    life.lost = ""
    refreshed = life.run("refresh", "--yes", "--skip-preview")
    assert refreshed.returncode == 0, refreshed.stdout
    operate(rebuild="tokyo")(life)


def _turn_keys(life: StackLife) -> None:
    """Google turns every key over: its next version encrypts from now on."""
    for token, identity, outputs in life.list_resources():
        if token == KEY:
            (primary,) = outputs["primaries"]
            name, _, number = primary["name"].rpartition("/")
            turned = [{"name": f"{name}/{int(number) + 1}", "state": "ENABLED"}]
            life.change_world(KEY, identity, primaries=turned)


def _add_school(life: StackLife) -> None:
    folder = _copy_policies(life)
    entry = (
        "  - id: kw-e98\n    number: 198\n    name: 仮・川崎新設小学校\n    ward: kawasaki\n    kind: elementary\n"
        "    pupils: 300\n    lines:\n"
        '      primary: {kind: fixed-ip, mbps: 1000, egress: [192.0.2.198, "2001:db8:80c6::/48"]}\n'
        "      backup: {kind: lte, mbps: 50}\n"
    )
    file = folder / "city/schools/kawasaki.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\n" + entry, encoding="utf-8")


def _drop_application(life: StackLife) -> None:
    """An application without data leaves the policy and the stack's file."""
    folder = _copy_policies(life)
    del life.settings["tsunagu:applications"][WITHOUT_DATA]
    _keep(folder / APPLICATIONS.name, "applications", lambda one: one["id"] != WITHOUT_DATA)
    _keep(folder / RULES.name, "rules", lambda one: one.get("applications") != [WITHOUT_DATA])
    _keep(folder / FLOWS.name, "flows", lambda one: WITHOUT_DATA not in (one["from"], one["to"]))
    _let_addresses_go(life)


def _let_addresses_go(life: StackLife) -> None:
    """A frontend that goes with its application has protected addresses; the runbook takes that off them alone."""
    refused = life.run("preview")
    urns = dict.fromkeys(_UNPROTECT.findall(refused.stdout))
    assert bool(refused.returncode) == bool(urns) == (life.name in OF_A_PAIR), refused.stdout[-3000:]
    for urn in urns:
        assert "GlobalAddress::" in urn, f"more than addresses would go: {urn}"
        life.unprotect(urn)


def _copy_policies(life: StackLife) -> Path:
    folder = life.folder / "policies"
    shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("__pycache__"))
    life.policies = str(folder)
    return folder


def _keep(file: Path, key: str, wanted: Callable[[Any], bool]) -> None:
    """Take entries out of a policy file."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    kept = [one for one in document[key] if wanted(one)]
    assert len(kept) < len(document[key]), f"{file}: nothing was taken out of {key!r}"
    document[key] = kept
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")


_DESIGNATED = (_begin, operate(designate="osaka"))
STATES: Mapping[str, StackState] = {
    "both serving": StackState(_begin),
    "one serving": StackState(_serve_one, (_begin,)),
    "switchover": StackState(operate(switchover="osaka"), _DESIGNATED, OF_A_PAIR),
    "failover": StackState(_lose_tokyo, _DESIGNATED, OF_A_PAIR),
    "rebuild": StackState(_come_back, (*_DESIGNATED, _lose_tokyo), OF_A_PAIR),
    "keys rotated": StackState(_turn_keys, (_begin,), is_googles=True),
    "a school more": StackState(_add_school, (_begin,)),
    "an application less": StackState(_drop_application, (_begin,), only_removes=True),
}

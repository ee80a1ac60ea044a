"""Google's command-line tool as far as a restore test asks it: it keeps state, and refuses what it does not know.

Written from the reference pages of `gcloud sql instances create | delete | list`, `gcloud sql backups list | restore`
and `gcloud run jobs execute`. What Google would do it does not prove. Its state is the JSON file `GCLOUD_STATE`:

    {"instances": {"live": {"data": "rows"}}, "backups": {"live": [{"id": "1", "endTime": "...", "data": "rows"}]},
     "jobs": {"look": "rows"}, "fails": ["instances delete"], "asked": []}

`jobs` says which data a job finds right. A command in `fails` ends with 1, one in `hangs` (if given) never.
`fails_from` (if given) says what fails from the end of another command on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

EVERYWHERE = frozenset({"--project", "--quiet"})
FLAGS = {
    "sql instances list": frozenset({"--filter", "--format"}),
    "sql instances create": frozenset(
        {
            "--database-version",
            "--edition",
            "--tier",
            "--region",
            "--storage-size",
            "--storage-type",
            "--network",
            "--no-assign-ip",
            "--ssl-mode",
            "--disk-encryption-key",
            "--database-flags",
            "--no-backup",
            "--no-deletion-protection",
        }
    ),
    "sql instances delete": frozenset[str](),
    "sql backups list": frozenset({"--instance", "--filter", "--sort-by", "--limit", "--format"}),
    "sql backups restore": frozenset({"--restore-instance", "--backup-instance"}),
    "run jobs execute": frozenset({"--region", "--wait", "--update-env-vars"}),
}


class Refused(Exception):
    """The tool would end with 1, or does not know what is asked."""


def run(words: list[str], state: dict[str, Any]) -> list[str]:
    """Carry a command out; gives the lines that it says."""
    command = " ".join(words[:3])
    if command not in FLAGS:
        message = f"unknown command: {command}"
        raise Refused(message)
    names, flags = list[str](), dict[str, str]()
    for word in words[3:]:
        flag, _, value = word.partition("=")
        if not word.startswith("--"):
            names.append(word)
        elif flag not in FLAGS[command] | EVERYWHERE or flag in flags:
            message = f"{command}: unknown or repeated flag {flag}"
            raise Refused(message)
        else:
            flags[flag] = value
    if "--quiet" not in flags or flags.get("--project") != "school":
        message = f"{command}: asks somebody, or another project"
        raise Refused(message)
    state["asked"].append([command, *names])
    if command in state.get("hangs", ()):
        write_state(state)
        signal.pause()
    if command in state["fails"]:
        message = f"{command}: Google refused it"
        raise Refused(message)
    said = CARRY_OUT[command](state, names, flags)
    if command in state.get("fails_from", ()):
        state["fails"].append(state["fails_from"][command])
    return said


def write_state(state: dict[str, Any]) -> None:
    """Keep the state; whoever reads meanwhile sees the one before or this one, whole."""
    file = Path(os.environ["GCLOUD_STATE"])
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(state), encoding="utf-8")
    beside.replace(file)


def list_instances(state: dict[str, Any], _names: list[str], flags: dict[str, str]) -> list[str]:
    key, _, wanted = flags["--filter"].partition(":" if ":" in flags["--filter"] else "=")
    if key != "name" or flags["--format"] != "value(name)":
        message = "this filter or format is not modelled"
        raise Refused(message)
    return [
        name for name in state["instances"] if name == wanted or (wanted[-1] == "*" and name.startswith(wanted[:-1]))
    ]


def create_instance(state: dict[str, Any], names: list[str], flags: dict[str, str]) -> list[str]:
    [name] = names
    missing = FLAGS["sql instances create"] - flags.keys()
    if name in state["instances"] or missing or len(f"school:{name}") > 98:
        message = f"cannot create {name}: {sorted(missing)}"
        raise Refused(message)
    state["instances"][name] = {"data": "", "flags": flags["--database-flags"]}
    return []


def delete_instance(state: dict[str, Any], names: list[str], _: dict[str, str]) -> list[str]:
    [name] = names
    if state["instances"].pop(name, None) is None:
        message = f"{name}: NOT_FOUND"
        raise Refused(message)
    return []


def list_backups(state: dict[str, Any], _: list[str], flags: dict[str, str]) -> list[str]:
    known = (flags["--filter"], flags["--sort-by"], flags["--limit"], flags["--format"])
    if known != ("status=SUCCESSFUL", "~endTime", "1", "value(id,endTime)"):
        message = f"not modelled: {known}"
        raise Refused(message)
    kept = sorted(state["backups"].get(flags["--instance"], []), key=lambda one: str(one["endTime"]), reverse=True)
    return [f"{one['id']}\t{one['endTime']}" for one in kept[:1]]


def restore_backup(state: dict[str, Any], names: list[str], flags: dict[str, str]) -> list[str]:
    [wanted] = names
    [backup] = [one for one in state["backups"][flags["--backup-instance"]] if one["id"] == wanted]
    state["instances"][flags["--restore-instance"]]["data"] = backup["data"]
    return []


def execute_job(state: dict[str, Any], names: list[str], flags: dict[str, str]) -> list[str]:
    [job] = names
    told = dict(one.split("=", 1) for one in flags["--update-env-vars"].split(","))
    copy = told["DATABASE_INSTANCE"].split(":")[2]
    if "--wait" not in flags or state["instances"][copy]["data"] != state["jobs"][job]:
        message = f"{job}: the execution failed"
        raise Refused(message)
    return []


CARRY_OUT = {
    "sql instances list": list_instances,
    "sql instances create": create_instance,
    "sql instances delete": delete_instance,
    "sql backups list": list_backups,
    "sql backups restore": restore_backup,
    "run jobs execute": execute_job,
}


def main(words: list[str]) -> int:
    """Carry a command out on the state of the environment."""
    state = json.loads(Path(os.environ["GCLOUD_STATE"]).read_text(encoding="utf-8"))
    try:
        said = run(words, state)
    except Refused as error:
        sys.stderr.write(f"ERROR: (gcloud) {error}\n")
        return 1
    finally:
        write_state(state)
    sys.stdout.writelines(f"{line}\n" for line in said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

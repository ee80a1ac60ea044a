"""`tsunagu lab`: the virtual city."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.estates import load_estate_city
from controller.cli.options import DEFAULT_POLICIES, Json, Policies, Schools
from controller.cli.output import Exit, console, errors, print_line, say_json, write_output
from controller.lab import lifecycle
from controller.lab.faults import fault_injection
from controller.lab.iap.deployed_access import find_deployed_world
from controller.lab.lab_status import read_lab_status
from controller.lab.network.named_nodes import find_node
from controller.lab.state import lab_faults, paths, undo_log
from controller.lab.trials.lab_tables import build_matrix_table, build_status_table
from controller.lab.trials.matrix import try_matrix
from controller.lab.trials.people.people_table import build_people_table
from controller.lab.trials.people.people_trial import try_people as measure_people
from controller.model.virtual_city import choose_virtual_city
from controller.offline_google.environment import RehearsalFolder

lab = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The virtual city: real switches, routers, hosts and packets."
)

Number = Annotated[int, typer.Option("--schools", min=1, help="How many schools of the lab overlay.")]
Denied = Annotated[
    bool, typer.Option("--denied/--permitted-only", help="Try what must not connect, too, or only what must.")
]
Control = Annotated[bool, typer.Option("--control/--no-control", help="Try denied pairs again with the filters off.")]

Output = Annotated[Path | None, typer.Option("-o", "--output", help="Keep the results as JSON in this file, too.")]
NodeName = Annotated[
    str,
    typer.Argument(
        metavar="NODE", help="controller, core, internet, home, REGION, SCHOOL/switch, SCHOOL/router, SCHOOL/HOST."
    ),
]
Where = Annotated[str, typer.Argument(metavar="SCHOOL|region", help="A school's id, or the word 'region'.")]
_WHAT = f"{', '.join(lab_faults.SCHOOL_KINDS)}; a region's name."
What = Annotated[str, typer.Argument(metavar="WHAT", help=_WHAT)]
Amount = Annotated[
    float | None,
    typer.Argument(metavar="STRENGTH", help="How strongly: Mbit/s, percent, milliseconds, octets or translations."),
]
RepairWhere = Annotated[
    str | None, typer.Argument(metavar="SCHOOL|region", help="A school's id, or the word 'region'.")
]
RepairWhat = Annotated[
    str | None,
    typer.Argument(metavar="WHAT", help=_WHAT),
]
Everything = Annotated[bool, typer.Option("--all", help="Everything that is broken.")]
Words = Annotated[list[str] | None, typer.Argument(metavar="COMMAND", help="What to run there; a shell if left out.")]


def _progress(message: str) -> None:
    errors.print(message, style="dim", markup=False)


@lab.command("up")
def up(schools: Number = 6, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False) -> None:
    """Build the virtual city; its switches are factory-new and let everything through."""
    loaded = choose_virtual_city(load_estate_city(policies))
    # Version 0 is the file that the project brings: addresses to begin with, which no stack has allocated.
    world = find_deployed_world(RehearsalFolder().world) if loaded.outputs.version else None
    layout = lifecycle.build_virtual_city(loaded, schools, _progress, world=world)
    if world is None:
        print_line(
            "No cloud is deployed for these policies ('tsunagu cloud up'): plain stand-ins, no IAP and no people."
        )
    print_line(f"The virtual city is up: {len(layout.schools)} schools. Remove it with 'tsunagu lab down'.")
    if as_json:
        say_json({"schools": [school.id for school in layout.schools], "cloud": world is not None})


@lab.command("down")
def down(*, as_json: Json = False) -> None:
    """Remove the virtual city, also what a killed run left of it."""
    removed = lifecycle.remove_virtual_city(lambda what: _progress(f"removed: {what}"))
    print_line("The virtual city is gone." if removed else "There was no virtual city; nothing was changed.")
    if as_json:
        say_json({"removed": bool(removed)})


@lab.command("status")
def show_status(*, as_json: Json = False) -> None:
    """Show what lives; exit code 1 if anything does not."""
    found = read_lab_status()
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        console.print(build_status_table(found))
    raise typer.Exit(Exit.GOOD if found.lives else Exit.FAILED)


@lab.command("matrix")
def show_matrix(  # noqa: PLR0913 the command's options
    schools: Schools = None,
    policies: Policies = DEFAULT_POLICIES,
    *,
    control: Control = True,
    denied: Denied = True,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Try every host with every application by real connections; exit code 0 only if all are as the policy says."""
    city = choose_virtual_city(load_estate_city(policies))
    found = try_matrix(city, schools or (), control=control, denied=denied, progress=_progress)
    if output is not None:
        write_output(found.model_dump_json(indent=1), output)
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        console.print(build_matrix_table(found))
    raise typer.Exit(Exit.GOOD if found.agrees else Exit.FAILED)


@lab.command("people")
def show_people(
    schools: Schools = None,
    policies: Policies = DEFAULT_POLICIES,
    *,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Try people at applications by real HTTPS, and attacks; exit code 0 only if all are as the policy says."""
    found = measure_people(choose_virtual_city(load_estate_city(policies)), schools or (), progress=_progress)
    if output is not None:
        write_output(found.model_dump_json(indent=1), output)
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        console.print(build_people_table(found))
    raise typer.Exit(Exit.GOOD if found.agrees else Exit.FAILED)


@lab.command("break")
def break_something(first: Where, second: What, strength: Amount = None, *, as_json: Json = False) -> None:
    """Break a school's line or a service of it, as strongly as you say, or lose a region (region NAME).

    Docs: docs/lines.md has every WHAT, and what its STRENGTH means.
    """
    fault = lab_faults.parse_fault(undo_log.read_active_record(paths.STATE).layout, first, second, strength)
    fresh = fault_injection.inject_fault(fault)
    print_line(f"{fault}{'' if fresh else ' already'}. Repair it with 'tsunagu lab repair {first} {second}'.")
    if as_json:
        say_json({"fault": str(fault), "fresh": fresh})


@lab.command("mend", hidden=True)
def mend_something(first: RepairWhere = None, second: RepairWhat = None, *, everything: Everything = False) -> None:
    """The old name of 'lab repair', for one version more."""
    errors.print("note: 'tsunagu lab mend' is 'tsunagu lab repair' now; the old name goes with the next version")
    repair_something(first, second, everything=everything)


@lab.command("repair")
def repair_something(
    first: RepairWhere = None, second: RepairWhat = None, *, everything: Everything = False, as_json: Json = False
) -> None:
    """Repair what 'lab break' broke, named the same way; or everything with --all."""
    if everything:
        if first is not None:
            message = "name one thing, or --all"
            raise typer.BadParameter(message)
        repaired = fault_injection.repair_all_faults()
        print_line(
            "\n".join(f"Repaired. It is no longer so that {fault}." for fault in repaired) or "Nothing was broken."
        )
        if as_json:
            say_json({"repaired": [str(fault) for fault in repaired]})
        return
    if first is None or second is None:
        message = "name what to repair: SCHOOL WHAT, region NAME, or --all"
        raise typer.BadParameter(message)
    fault = lab_faults.parse_fault(undo_log.read_active_record(paths.STATE).layout, first, second)
    was_broken = fault_injection.repair_fault(fault)
    print_line(f"{'Repaired. It is no longer' if was_broken else 'Nothing to repair; it is not'} so that {fault}.")
    if as_json:
        say_json({"repaired": [str(fault)] if was_broken else []})


@lab.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(name: NodeName, command: Words = None, *, as_json: Json = False) -> None:
    """Run a command, or a shell, where a node of the virtual city stands: tsunagu lab run kw-s01/staff ping -c1 ..."""
    where = find_node(undo_log.read_active_record(paths.STATE).layout, name)
    words = where.words(command or [os.environ.get("SHELL", "/bin/sh")])
    if as_json:
        done = subprocess.run(  # noqa: S603 the user's own command, word for word
            words, env=where.full_environment(), capture_output=True, check=False, text=True, errors="backslashreplace"
        )
        say_json({"node": name, "code": done.returncode, "stdout": done.stdout, "stderr": done.stderr})
        raise typer.Exit(Exit.FAILED if done.returncode else Exit.GOOD)
    os.execvpe(words[0], words, where.full_environment())  # noqa: S606 the user's own command, word for word

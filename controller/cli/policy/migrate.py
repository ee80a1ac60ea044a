"""`tsunagu migrate`: policy files, stack configurations and stack outputs of older formats in the formats of today."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import DEFAULT_POLICIES, Json, Policies
from controller.cli.output import Exit, print_data, print_line, say_json
from controller.errors import TsunaguError
from controller.model.loading.rewrite_older_formats import find_policy_files, plan_rewrites, write_rewrite
from controller.operations.operators_file import find_operators_file
from stacks.settings.migrations import find_stack_files

STACKS = Path("stacks/config")


def migrate(
    policies: Policies = DEFAULT_POLICIES,
    *,
    stacks: Annotated[
        Path | None, typer.Option("--stacks", help="Folder with Pulumi.*.yaml; stacks/config where it is there.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the files; without it the change is only shown.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rewrite files of older formats; comments and layout stay, and nothing is written without --write.

    Exit code 0: all files are of today's formats (with --write: they are now). 2: files would be rewritten, and nothing
    was written. 1: a file cannot be rewritten, and nothing was written.
    """
    for folder in (policies, *([stacks] if stacks else [])):
        if not folder.is_dir():
            message = f"{folder} is a file, not a folder" if folder.exists() else f"there is no folder {folder}"
            raise TsunaguError(message)
    files = [*find_policy_files(policies), *find_stack_files(stacks or STACKS)]
    rewrites = plan_rewrites(files)
    if write:
        for one in rewrites:
            write_rewrite(one)
    if as_json:
        listed = [
            {
                "file": str(one.path),
                "from": one.found,
                "to": one.current,
                "steps": one.steps,
                "diff": one.format_diff(),
                "operators_file": one.advice,
            }
            for one in rewrites
        ]
        say_json({"files": len(files), "written": write, "rewrites": listed})
    else:
        for one in rewrites:
            print_data(one.format_diff())
            print_line(f"{one.path}: format {one.found} to {one.current}: {'; '.join(one.steps)}", "cyan")
            if one.advice:
                print_line(f"{one.path}: write this into the operators' file ({find_operators_file()[0]}):", "cyan")
                for line in one.advice:
                    print_data(f"  {line}")
        done = "rewritten" if write else "to rewrite; nothing was written (--write does)"
        print_line(
            f"{len(files)} files, {len(rewrites)} {done}" if rewrites else f"{len(files)} files, all of today's formats"
        )
    if rewrites and not write:
        raise typer.Exit(Exit.DIFFERS)

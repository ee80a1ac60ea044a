"""`tsunagu cloud`: the stacks on the Pulumi engine, for people who do not want to know how it is set up."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.options import DEFAULT_POLICIES, Json, Lang, Policies, speak
from controller.cli.output import Exit, errors, get_words, print_line, print_message, say_json
from controller.cloud.approval import CHANGING, Approval, choose_approval
from controller.cloud.go_build import PROJECT
from controller.cloud.iam_drift.declared_grants import parse_declared_grants
from controller.cloud.iam_drift.exported_policies import ExportedPolicies
from controller.cloud.iam_drift.find_iam_drift import GrantFault, IamDrift, find_iam_drift
from controller.cloud.iam_drift.grants import Grant
from controller.cloud.pulumi_engine import BOOTSTRAP, LAB, STACKS, Engine, EngineFailed
from controller.errors import CloudError
from controller.inputs.bounded_json import parse_json
from controller.inputs.real_path import find_real_path
from controller.offline_google.rehearsal import RehearsalEngine, choose_banner, choose_engine
from stacks.settings.outputs import write_outputs

cloud = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The cloud's stacks: preview, up, refresh, drift, destroy."
)

GUARDRAILS = PROJECT / "stacks" / "guardrails"
"""The policy pack that every preview and deployment must pass."""
GUARDED = ("--policy-pack", str(GUARDRAILS))

Stack = Annotated[
    str, typer.Option("--stack", help="lab (offline, on this machine), bootstrap, staging or production.")
]


IamExports = Annotated[
    Path | None,
    typer.Option(
        "--iam-exports",
        metavar="FOLDER",
        help="IAM policies as Google's CLI exports them, one file a resource; without it the grants are not judged.",
    ),
]
SavePlan = Annotated[
    Path | None,
    typer.Option("--save-plan", metavar="FILE", help="Save what would be done, for 'cloud up --plan FILE'."),
]
Plan = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Do no more than this saved preview; anything else is refused."),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Ask nobody. Outside the lab it needs --plan, or --without-plan."),
]
WithoutPlan = Annotated[
    bool, typer.Option("--without-plan", help="With --yes: although nobody has looked at a saved plan.")
]
_KEYBOARD, _SCREEN, _ERRORS = range(3)
"""The descriptors that the engine asks by."""
_LARGEST_RECORD = 256 * 1024 * 1024
"""Bytes of the engine's record of a stack; production's has about one."""


class GrantDocument(TypedDict):
    """A grant that differs from what the stack has made; an empty `condition` always holds."""

    fault: GrantFault
    resource: str
    role: str
    member: str
    condition: str


class NotExportedDocument(TypedDict):
    """What was not judged (`resource` is null for the list of ancestors), and the command that exports it."""

    resource: str | None
    command: str


class CloudDriftDocument(TypedDict):
    """What differs from the stack: resources that were changed by hand, and grants that were made outside of it."""

    stack: str
    offline: bool
    resources_differ: bool
    grants: list[GrantDocument]
    not_judged: list[NotExportedDocument]
    unknown_roles: list[str]
    unread: list[str]
    policies: int
    as_declared: int


def _progress(message: str) -> None:
    errors.print(message, style="dim", markup=False)


@cloud.command("preview")
def preview(
    stack: Stack = LAB, policies: Policies = DEFAULT_POLICIES, *, save_plan: SavePlan = None, as_json: Json = False
) -> None:
    """Show what would change; with `--save-plan` what is shown can be deployed as it is."""
    saved = () if save_plan is None else ("--save-plan", str(_prepare_plan(save_plan)))
    _say_end("preview", stack, _run("preview", stack, policies, *GUARDED, *saved, as_json=as_json), as_json=as_json)


def _prepare_plan(path: Path) -> Path:
    """Make the file, for its owner only: a plan holds every input. The engine works in another folder and fills it.

    Raises:
        CloudError: it cannot be made.
    """
    try:
        path.touch(mode=0o600)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.is_file():
            path.chmod(0o600)
    except OSError as error:
        message = f"{path}: the plan cannot be saved there: {error.strerror}"
        raise CloudError(message) from None
    return find_real_path(path)


@cloud.command("up")
def up(  # noqa: PLR0913 the command's options
    stack: Stack = LAB,
    policies: Policies = DEFAULT_POLICIES,
    *,
    plan_path: Plan = None,
    yes: Yes = False,
    without_plan: WithoutPlan = False,
    as_json: Json = False,
) -> None:
    """Deploy, and write the outputs for the controller; after a crash, first find out what became of it.

    Outside the lab the preview is shown and somebody is asked; without a terminal it needs a saved plan and `--yes`.
    """
    approval = Approval(yes=yes, plan=plan_path, without_plan=without_plan)
    engine = _run("up", stack, policies, *GUARDED, approval=approval, as_json=as_json)
    path = None
    if stack != BOOTSTRAP:
        path = str(write_outputs(policies, stack, *engine.outputs(stack)))
        print_line(f"outputs: {path}")
    _say_end("up", stack, engine, as_json=as_json, outputs=path)


@cloud.command("refresh")
def refresh(
    stack: Stack = LAB,
    policies: Policies = DEFAULT_POLICIES,
    *,
    yes: Yes = False,
    without_plan: WithoutPlan = False,
    as_json: Json = False,
) -> None:
    """Read what is there and show what was changed by hand; outside the lab somebody is asked before it is noted."""
    approval = Approval(yes=yes, without_plan=without_plan)
    _say_end("refresh", stack, _run("refresh", stack, policies, approval=approval, as_json=as_json), as_json=as_json)


@cloud.command("drift")
def drift(
    *,
    stack: Stack = LAB,
    iam_exports: IamExports = None,
    policies: Policies = DEFAULT_POLICIES,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Say what was changed outside the stack, and whom the proxy would let in beside the policy; change nothing."""
    speak(lang)
    if iam_exports is not None and not iam_exports.is_dir():
        message = f"{iam_exports}: no such folder; it needs one file a resource, as the command without it says"
        raise CloudError(message)
    try:
        engine = _run("preview", stack, policies, "--refresh", "--expect-no-changes", as_json=as_json)
        differ = False
    except EngineFailed as error:
        if error.exit_code is not Exit.CLOUD_NO_CHANGES:
            raise
        engine, differ = choose_engine(stack, _progress, policies=policies), True
    record = parse_json(engine.ask("stack", "export", "--stack", stack), most_bytes=_LARGEST_RECORD)
    declared = parse_declared_grants(stack, record)
    found = find_iam_drift(declared, ExportedPolicies(iam_exports) if iam_exports else None)
    _show_drift(found, resources_differ=differ)
    if as_json:
        say_json(_build_drift_document(stack, engine, found, resources_differ=differ), form="cloud-drift")
    if differ or found.faults:
        raise typer.Exit(Exit.DIFFERS)
    if found.not_judged or found.unknown_roles or found.unread:
        raise typer.Exit(Exit.NOT_JUDGED)


def _show_drift(found: IamDrift, *, resources_differ: bool) -> None:
    words = get_words()
    print_message("cloud.resources-differ" if resources_differ else "cloud.resources-as-declared")
    for fault, grant in found.faults:
        condition = grant.condition or words["cloud.no-condition"]
        print_message(
            f"cloud.{fault}", "red", resource=grant.resource, role=grant.role, member=grant.member, condition=condition
        )
    for resource, command in found.not_judged:
        print_message("cloud.not-judged", "magenta", resource=resource or words["cloud.ancestors"], command=command)
    for role in found.unknown_roles:
        print_message("cloud.role-not-judged", "magenta", role=role)
    for file in found.unread:
        print_message("cloud.not-read", "magenta", file=file)
    print_message("cloud.grants", policies=found.resources, as_declared=found.as_declared, faults=len(found.faults))


def _describe_grant(fault: GrantFault, grant: Grant) -> GrantDocument:
    return {
        "fault": fault,
        "resource": str(grant.resource),
        "role": grant.role,
        "member": grant.member,
        "condition": grant.condition,
    }


def _build_drift_document(stack: str, engine: Engine, found: IamDrift, *, resources_differ: bool) -> CloudDriftDocument:
    return {
        "stack": stack,
        "offline": isinstance(engine, RehearsalEngine),
        "resources_differ": resources_differ,
        "grants": [_describe_grant(fault, grant) for fault, grant in found.faults],
        "not_judged": [
            {"resource": str(resource) if resource else None, "command": command}
            for resource, command in found.not_judged
        ],
        "unknown_roles": [*found.unknown_roles],
        "unread": [*found.unread],
        "policies": found.resources,
        "as_declared": found.as_declared,
    }


@cloud.command("destroy")
def destroy(
    stack: Stack = LAB,
    policies: Policies = DEFAULT_POLICIES,
    *,
    yes: Yes = False,
    without_plan: WithoutPlan = False,
    as_json: Json = False,
) -> None:
    """Remove the stack. Outside the lab it asks, and is refused as long as anything is protected.

    Refused: before anything is removed.
    """
    approval = Approval(yes=yes, without_plan=without_plan)
    _say_end("destroy", stack, _run("destroy", stack, policies, approval=approval, as_json=as_json), as_json=as_json)


def _say_end(command: str, stack: str, engine: Engine, *, as_json: bool, outputs: str | None = None) -> None:
    if as_json:
        offline = isinstance(engine, RehearsalEngine)
        say_json({"command": command, "stack": stack, "offline": offline, "outputs": outputs}, form="cloud")


def _run(
    command: str, stack: str, policies: Path, *given: str, approval: Approval | None = None, as_json: bool
) -> Engine:
    """Run a command of the engine; before it is started, see that somebody agrees to it or can be asked."""
    if stack not in STACKS:
        message = f"{stack}: no such stack; there are {', '.join(STACKS)}"
        raise CloudError(message)
    terminal = os.isatty(_KEYBOARD) and os.isatty(_ERRORS if as_json else _SCREEN)
    agreed = choose_approval(command, stack, approval or Approval(), terminal=terminal)
    engine = choose_engine(stack, _progress, policies=policies)
    said = choose_banner(stack, is_offline=isinstance(engine, RehearsalEngine))
    if said:
        print_line(said)
    engine.ready(stack, _progress)
    # Without its preview the engine would begin a destroy with what is not protected, and stop halfway.
    arguments = ("--skip-preview",) if stack == LAB and command in CHANGING else ()
    asks = command in CHANGING and "--yes" not in agreed
    engine.run(command, stack, *given, *agreed, *arguments, beside=as_json, asks=asks)
    if said:
        print_line(said)
    return engine

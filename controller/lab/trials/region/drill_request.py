"""What somebody asks a drill of a region for, refused before the first change where it is out of order.

Of a real city nothing is cut from here: there the runbook is said, with what stands in the stack's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.cloud.pulumi_engine import BOOTSTRAP, STACKS
from controller.errors import DrillRefused
from controller.lab.trials.region.rehearsed_stack import DrilledStack
from stacks.settings.database_pair import (
    DESIGNATE,
    FAILOVER,
    REBUILD,
    SWITCHOVER,
    DatabasePair,
    OperationKind,
)
from stacks.settings.read_configuration import find_stack_configuration

STEPS: tuple[OperationKind, ...] = (FAILOVER, REBUILD, SWITCHOVER)
"""Those of a whole drill, in order."""
REAL_FLAG = "--i-know-this-is-production"
_SECTION = "'Operations on a database' in stacks/README.md"


def check_drill_request(stack: DrilledStack, region: str, steps: Sequence[OperationKind]) -> None:
    """See that a region can be lost, and that the steps are in order.

    Raises:
        DrillRefused: it cannot, or they are not; says what would be in order.
    """
    regions = (stack.primary.id, stack.standby.id)
    if region not in regions:
        message = f"{region}: {stack.application} of the lab stack has its databases in {' and '.join(regions)}"
        raise DrillRefused(message)
    if region != stack.primary.id:
        message = (
            f"{region} holds the copy that follows, so that nothing would be switched: {stack.primary.id} is written "
            f"to; run: tsunagu drill region {stack.primary.id}"
        )
        raise DrillRefused(message)
    wrong = explain_wrong_order(stack, steps)
    if wrong:
        message = f"{wrong}. In order: {', '.join(STEPS)}; a drill may end after any of them. Nothing was changed"
        raise DrillRefused(message)


def explain_wrong_order(stack: DrilledStack, steps: Sequence[OperationKind]) -> str:
    """Return why steps cannot be done after the loss of the primary's region; "" where they can."""
    lost, standby = stack.primary.id, stack.standby.id
    done: list[tuple[OperationKind, str]] = []
    for step in steps:
        if step == SWITCHOVER and not any(kind == REBUILD for kind, _ in done):
            return (
                f"switchover: {lost} is lost at that moment, and a switchover needs both regions alive: "
                f"{'rebuild' if done else 'failover'} comes before"
            )
        if step == SWITCHOVER:
            done.append((DESIGNATE, lost))
        done.append((step, standby if step == FAILOVER else lost))
        wrong = stack.find_problem(done)
        if wrong:
            return f"{step}: {wrong}"
    return "" if done else "no step is named"


def explain_real_stack(stack: str, region: str, file: Path, *, knows: bool) -> Iterator[str]:
    """Yield the runbook of a drill of a real region, from the stack's file.

    Raises:
        DrillRefused: the stack is none, has no databases, or nobody said that they know what they ask for.
        TsunaguError: the stack's file is refused.
    """
    if stack not in STACKS:
        message = f"--stack {stack}: there are {', '.join(STACKS)}"
        raise DrillRefused(message)
    if not knows:
        message = (
            f"{stack} is a real stack: a drill cuts nothing there. Leave --stack out to drill in the virtual city, or "
            f"say {REAL_FLAG} to be told the steps that people take. Nothing was changed"
        )
        raise DrillRefused(message)
    if stack == BOOTSTRAP:
        message = f"--stack {BOOTSTRAP}: it has no database: nothing could be switched. Nothing was changed"
        raise DrillRefused(message)
    configured = find_stack_configuration(stack, file)
    found = False
    for name, database in configured.databases.items():
        pair = configured.find_pair(database)
        if pair.primary.region == region:
            found = True
            yield from _explain_pair(stack, name, pair, file)
    if not found:
        yield f"no database of {stack} is written to in {region}: nothing would be switched"


def refuse_real_stack(stack: str) -> DrillRefused:
    """Return the refusal behind the runbook of a real stack."""
    return DrillRefused(
        f"{stack}: not modelled: this program loses no region of a real city and measures nothing there. Run the steps "
        f"above by hand ({_SECTION}), and keep the times yourself. Nothing was changed"
    )


def _explain_pair(stack: str, name: str, pair: DatabasePair, file: Path) -> Iterator[str]:
    """A drill of a real pair is a switchover: both regions alive, nothing lost."""
    place = f"config, tsunagu:applications, {name}, database, operations"
    if pair.replica is None:
        yield f"{name}: written to in {pair.primary.region}, and no copy follows: nothing can be drilled ({_SECTION})"
        return
    to, back = pair.replica.region, pair.primary.region
    yield f"{name}: a drill is a switchover to {to} and back; only a real loss is a failover"
    lines = [
        "outside school hours, with whoever decides; note the time of each step",
        f"tsunagu cloud refresh --stack {stack}, then an empty tsunagu cloud preview --stack {stack}",
    ]
    if not pair.designated:
        lines.append(_explain_operation(stack, DESIGNATE, to, file, place))
    lines.append(_explain_operation(stack, SWITCHOVER, to, file, place))
    lines += [f"tsunagu cloud refresh --stack {stack}, then an empty preview", "write a row, and read it"]
    lines.append(f"back to {back} by the same: {{switchover: {back}}}, refresh, an empty preview, a row")
    yield from (f"  {number}. {line}" for number, line in enumerate(lines, start=1))
    yield f"  a real loss of {back}: {{failover: {to}}} without a refresh before, then {{rebuild: {back}}} ({_SECTION})"


def _explain_operation(stack: str, kind: OperationKind, region: str, file: Path, place: str) -> str:
    return f"write `- {{{kind}: {region}}}` in {file} ({place}), look at the preview, tsunagu cloud up --stack {stack}"


def choose_steps(names: Sequence[str]) -> tuple[OperationKind, ...]:
    """Return the steps of these names, in the order in which they are named; those of a whole drill where none is.

    >>> choose_steps([]), choose_steps(["failover"])
    (('failover', 'rebuild', 'switchover'), ('failover',))
    """
    known = {step: step for step in STEPS}
    return tuple(known[name] for name in names if name in known) or STEPS

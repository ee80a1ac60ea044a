"""A database's pair of instances, after the operations of the stack's file: who is written to, and who follows.

Each operation is one deployment, and each stands in the file for good; the next one is written under it. So the order
can be judged before anything is asked of Google, and an operation is never asked for by a changed or missing line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from pydantic import Field

from stacks.settings.regions import RegionId

OperationKind = Literal["designate", "switchover", "failover", "rebuild"]
PairOperation = Annotated[dict[OperationKind, RegionId], Field(min_length=1, max_length=1)]
"""What is done, and the region that it is done to: `{switchover: osaka}`."""
DESIGNATE: Final = "designate"
SWITCHOVER: Final = "switchover"
FAILOVER: Final = "failover"
REBUILD: Final = "rebuild"
NEED_PLUS: Final = (DESIGNATE, SWITCHOVER)
"""Google does these in edition Enterprise Plus only."""


@dataclass(frozen=True, slots=True)
class PairInstance:
    """An instance of a pair. `rebuilt`: it took the place of one that was lost, so its name says which one it is."""

    region: RegionId
    generation: int | None
    rebuilt: bool = False


@dataclass(frozen=True, slots=True)
class DatabasePair:
    """Who is written to, who follows it, and who has left the pair.

    `designated`: Google may switch over to the replica. `lost` is the primary that a failover left behind; nothing in
    its region is touched. `set_aside` are such ones whose place has been taken: they are kept, and touched by nobody.
    `demoted` are replicas that were written to before. `last` is the newest operation.
    """

    primary: PairInstance
    replica: PairInstance | None
    designated: bool = False
    lost: PairInstance | None = None
    set_aside: tuple[PairInstance, ...] = ()
    demoted: frozenset[PairInstance] = frozenset()
    last: OperationKind | None = None


def begin_pair(primary: RegionId, standby: RegionId | None, generation: int | None) -> DatabasePair:
    """Return the pair as it is first deployed; without a region for the replica there is none."""
    replica = None if standby is None else PairInstance(standby, generation)
    return DatabasePair(PairInstance(primary, generation), replica)


def follow_operations(pair: DatabasePair, operations: Iterable[Mapping[OperationKind, RegionId]]) -> DatabasePair:
    """Return the pair after operations that are in order (see `find_operation_problem`).

    >>> pair = follow_operations(begin_pair("tokyo", "osaka", 1), [{"failover": "osaka"}, {"rebuild": "tokyo"}])
    >>> pair.primary.region, pair.replica
    ('osaka', PairInstance(region='tokyo', generation=2, rebuilt=True))
    """
    for operation in operations:
        for kind in operation:
            pair = replace(_STEPS[kind](pair), last=kind)
    return pair


def find_operation_problem(
    pair: DatabasePair, operations: Iterable[Mapping[OperationKind, RegionId]]
) -> tuple[int, str] | None:
    """Return the number of the first operation that is out of order, and what would be in order; None if all are.

    >>> find_operation_problem(begin_pair("tokyo", "osaka", 1), [{"rebuild": "tokyo"}])[0]
    0
    """
    for number, operation in enumerate(operations):
        for kind, region in operation.items():
            wrong = _explain_order(pair, kind, region)
            if wrong:
                return number, wrong
            pair = replace(_STEPS[kind](pair), last=kind)
    return None


def _explain_order(pair: DatabasePair, kind: OperationKind, region: RegionId) -> str:
    """Why this cannot be done to the pair; empty where it can."""
    if kind == REBUILD:
        return _explain_rebuild(pair, region)
    if pair.replica is None:
        return _explain_lone_primary(pair)
    if region != pair.replica.region:
        return (
            f"{pair.primary.region} is written to and the replica stands in {pair.replica.region}: write "
            f"`{{{kind}: {pair.replica.region}}}`"
        )
    if kind == DESIGNATE and pair.designated:
        return f"{region} is the designated replica already: remove this operation"
    if kind == SWITCHOVER and not pair.designated:
        return (
            f"Google switches over to a designated replica only: deploy `{{designate: {region}}}` first. If "
            f"{pair.primary.region} is lost, write `{{failover: {region}}}`"
        )
    return ""


def _explain_lone_primary(pair: DatabasePair) -> str:
    if pair.lost is None:
        return "the stack has one region, so this database has no replica: add a region first"
    return (
        f"{pair.lost.region} is lost, so there is nothing to turn to: when the region is back, deploy "
        f"`{{rebuild: {pair.lost.region}}}` first"
    )


def _explain_rebuild(pair: DatabasePair, region: RegionId) -> str:
    if pair.lost is None:
        return (
            "no region is lost, so there is nothing to rebuild: a rebuild follows a failover that has been deployed "
            f"({pair.primary.region} is written to)"
        )
    if region != pair.lost.region:
        return f"the region that was lost is {pair.lost.region}: write `{{rebuild: {pair.lost.region}}}`"
    return ""


def _designate(pair: DatabasePair) -> DatabasePair:
    return replace(pair, designated=True)


def _switch_over(pair: DatabasePair) -> DatabasePair:
    if pair.replica is None:
        return pair
    return replace(pair, primary=pair.replica, replica=pair.primary, demoted=pair.demoted | {pair.primary})


def _fail_over(pair: DatabasePair) -> DatabasePair:
    if pair.replica is None:
        return pair
    return replace(pair, primary=pair.replica, replica=None, lost=pair.primary, designated=False)


def _rebuild(pair: DatabasePair) -> DatabasePair:
    """Google keeps a name for a week and this program keeps the instance, so the new one has the next generation."""
    if pair.lost is None:
        return pair
    new = PairInstance(pair.lost.region, (pair.lost.generation or 0) + 1, rebuilt=True)
    return replace(pair, replica=new, lost=None, set_aside=(*pair.set_aside, pair.lost))


_STEPS: Final[Mapping[OperationKind, Callable[[DatabasePair], DatabasePair]]] = {
    "designate": _designate,
    "switchover": _switch_over,
    "failover": _fail_over,
    "rebuild": _rebuild,
}

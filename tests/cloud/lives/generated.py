"""Configurations that nobody wrote, and allowed changes of them, each drawn by a seed: what was wrong, or nothing.

The policy is another city's, with one application, so that each deployment is short. Whatever is drawn, the data stay,
and every deployment ends in an empty preview.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from stacks.settings.database_pair import OperationKind, begin_pair, follow_operations
from stacks.settings.regions import RegionId
from tests.cloud.lives.stack_life import StackLife
from tests.cloud.lives.trials import find_changes_after_refresh, find_taken_away, find_undeployed

APPLICATION = "ledger"
POLICIES = "examples/minato"
CHANGES = 4
"""Changes of one configuration, each a deployment."""
_TIERS = ("db-perf-optimized-N-2", "db-perf-optimized-N-4", "db-perf-optimized-N-8")
_NETWORK = {"tokyo": "10.250.32.0/22", "osaka": "10.250.40.0/21"}
_GROWN = "10.250.32.0/21"
_TAIPEI = {"id": "taipei", "location": "asia-east1", "name": "Taipei"}
_FIRST_PAIR = begin_pair("tokyo", "osaka", 1)
Operations = Sequence[Mapping[OperationKind, RegionId]]
Values = dict[str, Any]
Change = Callable[[Values, Random], None]
"""Changes the values of a stack's file in a way that is allowed; it changes nothing where it does not fit."""


def play_generated(seed: int, folder: Path) -> Iterator[str]:
    """Deploy a configuration and change it; yield what was wrong, with what had been changed."""
    rng = Random(seed)  # noqa: S311 no secrets
    life = StackLife(rng.choice(("staging", "production")), folder, policies=POLICIES)
    _begin(life.settings, rng)
    done: list[str] = []
    yield from (f"first deployment: {one}" for one in find_undeployed(life))
    for _ in range(CHANGES):
        name = rng.choice(sorted(CHANGING))
        CHANGING[name](life.settings, rng)
        done.append(name)
        yield from (f"{', '.join(done)}: {one}" for one in _deploy(life))


def _deploy(life: StackLife) -> Iterator[str]:
    kept = life.list_kept()
    yield from find_taken_away(life.preview())
    yield from find_undeployed(life)
    yield from find_changes_after_refresh(life)
    gone = kept - life.list_kept()
    if gone:
        yield f"gone: {sorted(gone)}"


def _begin(values: Values, rng: Random) -> None:
    """One application in one region or two, of any size."""
    settings = values["tsunagu:applications"]["affairs"]
    settings["host"] = APPLICATION
    values["tsunagu:applications"] = {APPLICATION: settings}
    values["tsunagu:network"] |= _NETWORK
    if rng.random() < 0.5:
        del settings["files"]
    for change in (_resize_database, _resize_service, _keep_longer, _add_job):
        change(values, rng)
    if rng.random() < 0.3:
        _begin_with_one_region(values)


def _begin_with_one_region(values: Values) -> None:
    values["tsunagu:regions"] = values["tsunagu:regions"][:1]
    values["tsunagu:network"].pop("osaka")
    values["tsunagu:serving"] = ["tokyo"]
    values["tsunagu:shared-location"] = "asia-northeast1"


def _find_database(values: Values) -> Values:
    database: Values = values["tsunagu:applications"][APPLICATION]["database"]
    return database


def _serve(values: Values, rng: Random) -> None:
    ids = [region["id"] for region in values["tsunagu:regions"]]
    values["tsunagu:serving"] = sorted(rng.sample(ids, rng.randint(1, len(ids))), key=ids.index)
    _serve_outside_the_lost(values)


def _resize_service(values: Values, rng: Random) -> None:
    fewest = rng.randint(2, 6)
    values["tsunagu:applications"][APPLICATION]["hosting"]["instances"] = [fewest, fewest + rng.randint(0, 20)]


def _resize_database(values: Values, rng: Random) -> None:
    database = _find_database(values)
    database["tier"] = rng.choice(_TIERS)
    database["disk-gigabytes"] += rng.choice((0, 10, 250))
    database["backups"] = rng.randint(7, 60)
    database["log-days"] = rng.randint(1, min(14, database["backups"]))


def _keep_longer(values: Values, rng: Random) -> None:
    values["tsunagu:audit"]["retention-days"] += rng.choice((0, 1, 365))


def _add_files(values: Values, rng: Random) -> None:
    """A bucket, or another time in it; it is never taken away again."""
    values["tsunagu:applications"][APPLICATION]["files"] = {"old-versions-days": rng.randint(7, 400)}


def _add_job(values: Values, rng: Random) -> None:
    application = values["tsunagu:applications"][APPLICATION]
    jobs = application.setdefault("jobs", {})
    image = application["hosting"]["image"]
    job = {"image": image, "timeout-minutes": rng.randint(1, 600), "retries": rng.randint(0, 3)}
    jobs[rng.choice(("report", "year-end"))] = job


def _drop_jobs(values: Values, _rng: Random) -> None:
    values["tsunagu:applications"][APPLICATION].pop("jobs", None)
    _find_database(values).pop("restore-test", None)


def _add_restore_test(values: Values, rng: Random) -> None:
    """A restore test by one of the jobs, which is added where there is none."""
    application = values["tsunagu:applications"][APPLICATION]
    if not application.get("jobs"):
        _add_job(values, rng)
    test = {"image": application["hosting"]["image"], "check": rng.choice(sorted(application["jobs"]))}
    test["schedule"] = rng.choice(("0 4 * * SAT", "30 3 1 1,4,7,10 *"))
    _find_database(values)["restore-test"] = test


def _grow_subnet(values: Values, _rng: Random) -> None:
    """In place: the new range contains the old one."""
    values["tsunagu:network"]["tokyo"] = _GROWN


def _add_second_region(values: Values, _rng: Random) -> None:
    if len(values["tsunagu:regions"]) == 1:
        values["tsunagu:regions"].append({"id": "osaka", "location": "asia-northeast2", "name": "Osaka"})
        values["tsunagu:network"]["osaka"] = "10.250.128.0/21"


def _add_third_region(values: Values, _rng: Random) -> None:
    """Abroad, as the board has agreed; the buckets stay where they are, and the database's replica, too."""
    if len(values["tsunagu:regions"]) != 2:
        return
    values.setdefault("tsunagu:shared-location", "asia1")
    values["tsunagu:regions"].append(dict(_TAIPEI))
    values["tsunagu:outside-country"] = [_TAIPEI["id"]]
    values["tsunagu:network"][_TAIPEI["id"]] = "10.250.136.0/21"
    _find_database(values)["standby"] = "osaka"


def _operate(values: Values, rng: Random) -> None:
    """The next operation on the database's pair, whichever is in order."""
    database = _find_database(values)
    if len(values["tsunagu:regions"]) == 1:
        return
    operations = database.setdefault("operations", [])
    operations.append(choose_operation(operations, rng))
    _serve_outside_the_lost(values)


def choose_operation(operations: Operations, rng: Random) -> dict[OperationKind, RegionId]:
    """Return an operation that is in order after these.

    A failover without a lost region is one, too: somebody promotes the replica although the primary lives.
    """
    pair = follow_operations(_FIRST_PAIR, operations)
    if pair.lost is not None:
        return {"rebuild": pair.lost.region}
    assert pair.replica is not None
    kinds: tuple[OperationKind, ...] = ("switchover", "failover") if pair.designated else ("designate", "failover")
    return {rng.choice(kinds): pair.replica.region}


def _serve_outside_the_lost(values: Values) -> None:
    """Where the only region that serves is the one that a failover left, another one is named, too."""
    lost = follow_operations(_FIRST_PAIR, _find_database(values).get("operations", ())).lost
    if lost is not None and values["tsunagu:serving"] == [lost.region]:
        values["tsunagu:serving"] = ["tokyo", "osaka"]


CHANGING: Mapping[str, Change] = {
    "serve": _serve,
    "service": _resize_service,
    "database": _resize_database,
    "retention": _keep_longer,
    "files": _add_files,
    "job": _add_job,
    "no jobs": _drop_jobs,
    "restore test": _add_restore_test,
    "subnet": _grow_subnet,
    "second region": _add_second_region,
    "third region": _add_third_region,
    "operation": _operate,
}

"""The policy that was applied last, by city: its digest, when, its anchors, where only the controller writes.

Digest and times are kept for every estate; anchors where the operators keep them.

What `apply` does, in this order, before it changes the first device::

    judge_anchors(city, operations, accepted)          # refuses what is wider and was not accepted
    record_applied_policy(city, operations, now, by)   # from here on this is the policy that was applied last
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from controller.errors import AnchorWidened, OperationsRefused
from controller.model.city import City
from controller.model.sites.schools import Identifier
from controller.operations.anchors import AnchorName, Anchors, WiderAnchor, collect_anchors, find_wider_anchors
from controller.operations.fields import PlainText
from controller.operations.operations import Operations
from controller.operations.trusted_files import read_trusted_file, refuse_file
from controller.storage.whole_file import write_whole

FOLDER = "applied"
MOST_BYTES = 16 << 20
FLAG = "--accept-wider"
REFUSED = "The record of the policy that was applied last cannot be used:"
_NOBODY_BEFORE = (
    "no policy of this city was applied from here before, with its anchors kept, so nothing says what is wider than it "
    "was"
)


class AppliedPolicy(BaseModel):
    """A policy that was applied: of which city, its digest, when it was started last, by whom, its anchors.

    `other_at` is when another policy of the city was started last; None where none was. `anchors` is None where the
    operators kept none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    format: Literal[1] = 1
    city: Identifier
    policy: PlainText
    at: AwareDatetime
    by: PlainText
    other_at: AwareDatetime | None = None
    anchors: Anchors | None = None

    def find_other_start(self, policy: str) -> datetime | None:
        """Return when a policy other than this digest's was started last; None where none is known."""
        return self.other_at if self.policy == policy else self.at


def find_applied_policy(city: City, operations: Operations) -> AppliedPolicy | None:
    """Return the policy of this city that was applied last; None where none was.

    Raises:
        OperationsRefused: what was kept is damaged, or somebody else could have written it.
    """
    path = _path(city, operations)
    try:
        text = read_trusted_file(path, REFUSED, private=True, most_bytes=MOST_BYTES)
    except FileNotFoundError:
        return None
    try:
        found = AppliedPolicy.model_validate_json(text)
    except ValidationError:
        raise _damaged(path) from None
    if found.city != city.id:
        raise _damaged(path)
    return found


def find_widened(city: City, operations: Operations) -> tuple[WiderAnchor, ...]:
    """Return each way in which a policy is wider than the one of its city that was applied last.

    Empty where the operators keep no anchors. The first policy of a city is wider by itself (`first`).

    Raises:
        OperationsRefused: what was kept cannot be used.
    """
    if operations.anchors == "not-kept":
        return ()
    last = find_applied_policy(city, operations)
    if last is None or last.anchors is None:
        return (WiderAnchor(AnchorName.FIRST, _NOBODY_BEFORE),)
    return tuple(find_wider_anchors(last.anchors, collect_anchors(city), operations.cloud_bounds))


def judge_anchors(city: City, operations: Operations, accepted: Collection[AnchorName]) -> tuple[WiderAnchor, ...]:
    """Return what is wider than in the policy that was applied last, all of it accepted by name.

    Call it when a rollout starts, with what the operator accepted by `--accept-wider`.

    Raises:
        AnchorWidened: something is wider that was not accepted; names it, and the flag.
        OperationsRefused: what was kept of the last policy cannot be used.
    """
    wider = find_widened(city, operations)
    refused = [one for one in wider if one.name not in accepted]
    if refused:
        lines = "\n".join(f"  {one}" for one in refused)
        flags = " ".join(f"{FLAG} {name}" for name in dict.fromkeys(one.name for one in refused))
        message = (
            "This policy is wider than the one that was applied last in what every proof takes for granted:\n"
            f"{lines}\nNothing was changed. If all of that is meant, add: {flags}"
        )
        raise AnchorWidened(message)
    return wider


def record_applied_policy(city: City, operations: Operations, now: datetime, by: str) -> None:
    """Keep a policy as the one of its city that was applied last.

    Call it after `judge_anchors` and before the first device is changed: from then on it may be in force somewhere.

    Raises:
        OperationsRefused: it cannot be written, or what was kept before cannot be used.
    """
    last = find_applied_policy(city, operations)
    other = None if last is None else last.find_other_start(city.digest)
    anchors = collect_anchors(city) if operations.anchors == "kept" else None
    record = AppliedPolicy(city=city.id, policy=city.digest, at=now, by=by, other_at=other, anchors=anchors)
    path = _path(city, operations)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole((record.model_dump_json(indent=1) + "\n").encode(), path)
    except OSError as error:
        raise refuse_file(REFUSED, path, f"cannot be written: {error.strerror}") from None


def _path(city: City, operations: Operations) -> Path:
    return operations.state / FOLDER / f"{city.id}.json"


def _damaged(path: Path) -> OperationsRefused:
    message = f"is damaged, or another city's; restore it from a backup, or move it away and apply with {FLAG} first"
    return refuse_file(REFUSED, path, message)

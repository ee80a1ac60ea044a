"""plan.json: what was seen and what is wanted, of each device. It is written whole or not at all, in one form only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controller.errors import PlanRefused, TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.input_file import read_input_file
from controller.inputs.shown_text import HIDDEN, escape_controls, shorten_value
from controller.model.sites.devices import EstateName
from controller.storage.whole_file import write_whole

FORMAT: Literal[6] = 6
MOST_BYTES = 256 << 20
"""A whole city of 176 schools that is planned anew takes about 60 MB."""
LONGEST_SHOWN = 80
_MAKE = "tsunagu plan --all -o {path}, or with --school SCHOOL instead of --all"


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""An id of a city, a school, a device, a platform; a user's name."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40,64}\+?)?$")]
Fingerprint = Annotated[str, Field(pattern=r"^(SHA256:[A-Za-z0-9+/]{43})?$")]
Text = Annotated[str, Field(pattern=rf"^(?:[^{HIDDEN}]|[\t\n])*$")]
"""Words for people or for a device, in lines; without hidden characters, as `escape_lines` leaves them."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedCommand(_Frozen):
    """A command and what goes into its standard input."""

    line: Text
    stdin: Text | None = None


class PlannedStep(_Frozen):
    """A step as it is shown to people, and the digest of the device state that it leads to."""

    title: Text
    commands: tuple[PlannedCommand, ...]
    leads_to: Digest


ObjectName = Annotated[
    str, Field(pattern=rf"^(vlan [0-9]{{1,4}}|interface [^{HIDDEN} ]{{1,60}}( [^{HIDDEN}]{{1,120}})?)$")
]
"""An object of a configuration as it is written: `vlan 10`, `interface Vlan10 ip access-group STAFF-IN in`."""


class TakenObject(_Frozen):
    """An object of others that a plan takes over, or gives back: its lines as they are and as they will be.

    `old` are the lines of others, empty where it has no name or description; `new` are ours.
    """

    kind: Literal["vlan", "filter", "port", "interface"]
    name: ObjectName
    old: tuple[Text, ...]
    new: tuple[Text, ...]


class HandOverPlan(_Frozen):
    """What of a device changes hands, in its order; nothing else of others is ever changed.

    `text` are the lines of the running configuration from which that was derived: VLANs, ports, interfaces and lists,
    and no free text but that of the objects.
    """

    way: Literal["take-over", "release"]
    objects: tuple[TakenObject, ...]
    text: tuple[Text, ...]


class DevicePlan(_Frozen):
    """What one device was seen to hold, and what the policy wants it to hold.

    `seen_state` holds the state seen as `format_state` writes it, `seen` is its digest; `wanted` are the lines of the
    wanted state as the device's own text, and `saved` tells whether it would have booted with what it ran. All the rest
    is for people, follows from these and from the policy, and is believed by nobody: `apply` derives it again, and
    refuses a plan that says anything else. `delegated` is what of the policy this device leaves to another one.
    `not_judged` are the ways of others on it that touch what is ours and that no proof followed: who approves the plan
    has seen them, and where another one has appeared since, the device is refused.
    `hand_over` are the objects of others that change hands: who approves the plan approves them.
    """

    device: Name
    school: Name
    platform: Name
    seen: Digest
    seen_state: tuple[Text, ...]
    wanted: tuple[Text, ...]
    saved: bool
    changes: tuple[Text, ...]
    delegated: tuple[Text, ...] = ()
    not_judged: tuple[Text, ...] = ()
    filters_proved: int
    steps: tuple[PlannedStep, ...]
    hand_over: HandOverPlan | None = None

    @property
    def states(self) -> tuple[str, ...]:
        """The digests of every state that the plan shows: as seen, after each step."""
        return (self.seen, *(step.leads_to for step in self.steps))

    @property
    def touched(self) -> bool:
        """Tell if anything is to be done on the device."""
        return bool(self.steps) or not self.saved


class Unplanned(_Frozen):
    """A device that the plan says nothing about, and why."""

    device: Name
    reason: Text
    kind: Literal["not supported", "failed"]


class PlanFile(_Frozen):
    """The whole plan. `city` and `policy` name what it was made from: the city's id, and a digest of all its files.

    `commit` is the git commit that the policies stood at, with `+` where they had changes beside it; empty where they
    stand in no repository. `planner` is who made the plan, by their name on their machine; `planner_key` is the
    fingerprint of the key that signs it as theirs, empty where it is not signed. `on` is the day that the policy was
    compiled for. `estate` says whose devices they are. After `expires` no rollout of the plan begins.
    `undo`: the policy is an earlier one, and not what `policies/` holds.
    """

    format: Literal[6] = FORMAT
    city: Name
    estate: EstateName
    policy: Digest
    commit: Commit = ""
    undo: bool = False
    planner: Name | Literal[""] = ""
    planner_key: Fingerprint = ""
    on: date
    made: AwareDatetime
    expires: AwareDatetime
    canary: Name | Literal[""]
    devices: tuple[DevicePlan, ...]
    unplanned: tuple[Unplanned, ...]

    def format_text(self) -> str:
        """Return the plan as its file holds it; there is one form only, and this is what is signed."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"

    def digest(self) -> str:
        """Return the SHA-256 of the plan's file; devices keep it while the plan is applied."""
        return hashlib.sha256(self.format_text().encode()).hexdigest()

    @property
    def touched_schools(self) -> frozenset[str]:
        """The schools in which anything is to be done."""
        return frozenset(device.school for device in self.devices if device.touched)


def save_plan(plan: PlanFile, path: Path) -> None:
    """Write the plan beside its place and put it there in one move; what vouched for the one that stood there goes.

    Raises:
        TsunaguError: the place cannot be written to; what stood there before still does.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # First: where one cannot be removed, the plan that it vouches for stays, too.
        for signature in (*list_signatures(path), name_record(path)):
            signature.unlink(missing_ok=True)
        write_whole(plan.format_text().encode(), path)
    except OSError as error:
        message = f"{error.filename or path}: the plan cannot be saved: {error.strerror}"
        raise TsunaguError(message) from None


def name_signature(path: Path) -> Path:
    """Return where the planner's signature of a plan stands.

    >>> name_signature(Path("plan.json"))
    PosixPath('plan.json.sig')
    """
    return path.with_name(f"{path.name}.sig")


def name_approval(path: Path, approver: str) -> Path:
    """Return where somebody's approval of a plan stands.

    >>> name_approval(Path("plan.json"), "hanako")
    PosixPath('plan.json.approval.hanako.sig')
    """
    return path.with_name(f"{path.name}.approval.{approver}.sig")


def name_record(path: Path) -> Path:
    """Return where the record stands that a plan was made here.

    >>> name_record(Path("plan.json"))
    PosixPath('plan.json.made-here')
    """
    return path.with_name(f"{path.name}.made-here")


def list_approvals(path: Path) -> list[Path]:
    """Return the files of the approvals that stand beside a plan."""
    prefix = f"{path.name}.approval."
    found = path.parent.iterdir() if path.parent.is_dir() else ()
    return sorted(one for one in found if one.name.startswith(prefix) and one.name.endswith(".sig"))


def list_signatures(path: Path) -> list[Path]:
    """Return the files of all signatures that stand beside a plan, the planner's first."""
    return [name_signature(path), *list_approvals(path)]


def load_plan(path: Path, city: str | None = None) -> PlanFile:
    """Read a plan of this city.

    Raises:
        PlanRefused: it is missing, half written, of another format or form than plans have, or of another city.
    """
    plan = parse_plan(read_plan(path), path)
    if city is not None and plan.city != city:
        message = f"{path}: the plan is of the city {shorten_value(plan.city)}; these policies are of {city!r}"
        raise PlanRefused(message)
    return plan


def read_plan(path: Path) -> bytes:
    """Return the bytes of a plan's file, which are what signatures are over.

    Raises:
        PlanRefused: it is missing.
        InputRefused: it is no regular file, cannot be read, or is larger than plans are.
    """
    try:
        return read_input_file(path, most_bytes=MOST_BYTES)
    except FileNotFoundError:
        message = f"{path}: there is no such plan; make one with: {_advise_plan(path)}"
        raise PlanRefused(message) from None


def parse_plan(content: bytes, path: Path) -> PlanFile:
    """Return the plan that the bytes of a file hold.

    Raises:
        PlanRefused: they are half a plan, of another format, or not in the one form that plans have.
    """
    if not content.strip():
        raise _refuse_part(path, "it is empty")
    try:
        document = parse_json(content, most_bytes=MOST_BYTES)
        _refuse_other_format(document, path)
        plan = PlanFile.model_validate_json(content, strict=False)
        text, expected = content.decode("utf-8"), plan.format_text()
    except JsonRefused as error:
        raise _refuse_part(path, f"line {error.line}") from None
    except ValidationError as error:
        raise _refuse_part(path, _say_field(error)) from None
    except (ValueError, AttributeError):
        raise _refuse_part(path, "its fields") from None
    difference = find_first_difference(expected, text)
    if difference is not None:
        message = f"{path}:{difference.line}: the plan was changed by hand: expected {difference.expected}, "
        raise PlanRefused(message + f"found {difference.found}. Make it anew")
    return plan


def _refuse_other_format(document: Any, path: Path) -> None:  # noqa: ANN401 any JSON
    # Before there were releases it was called a version.
    found = document.get("format", document.get("version")) if isinstance(document, dict) else None
    if isinstance(document, dict) and "plan" in document and found is None:
        # The formats before 3 carried a checksum of themselves beside the plan.
        found = document["plan"].get("format")
    if found != FORMAT and isinstance(found, int):
        message = f"{path}: the plan is of format {shorten_value(found)}; this release reads {FORMAT}. "
        message += f"Make it anew with: {_advise_plan(path)}"
        raise PlanRefused(message)


def _advise_plan(path: Path) -> str:
    """Return the command that makes a plan. It never names a file that is no plan: it would be written over."""
    return _MAKE.format(path=path if path.suffix == ".json" else "plan.json")


def _refuse_part(path: Path, where: str) -> PlanRefused:
    message = f"{path}: not a whole plan ({where}); it may be half written. Make it anew with: {_advise_plan(path)}"
    return PlanRefused(message)


def _say_field(error: ValidationError) -> str:
    place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    return f"its field {shorten_value('.'.join(map(str, place)))}" if place else "its fields"


@dataclass(frozen=True, slots=True)
class LineDifference:
    """The first line, counted from 1, in which two texts differ; `expected` and `found` are ready to be shown."""

    line: int
    expected: str
    found: str


def find_first_difference(expected: str, found: str) -> LineDifference | None:
    r"""Return where two texts first differ; None where they are equal.

    >>> find_first_difference("a\nb\n", "a\nc\n")
    LineDifference(line=2, expected="'b'", found="'c'")
    """
    if expected == found:
        return None
    wanted, given = expected.split("\n"), found.split("\n")
    number = next((i for i, (one, other) in enumerate(zip(wanted, given, strict=False)) if one != other), None)
    if number is None:
        number = min(len(wanted), len(given))
    expected_line = wanted[number] if number < len(wanted) else ""
    found_line = given[number] if number < len(given) else ""
    start = _count_common(expected_line, found_line)
    return LineDifference(number + 1, _cut(expected_line, start), _cut(found_line, start))


def _count_common(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _cut(line: str, at: int) -> str:
    """Show a line, of a long one the part around a place."""
    first = 0 if at < LONGEST_SHOWN else at - LONGEST_SHOWN // 2
    cut = line[first : first + LONGEST_SHOWN].strip()
    before, after = "..." if first else "", "..." if first + LONGEST_SHOWN < len(line) else ""
    return f"'{before}{escape_controls(cut)}{after}'" if line.strip() else "nothing"

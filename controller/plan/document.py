"""plan.json: what was seen, what will be done, and what it will lead to. It is written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from controller.errors import PlanRefused, TsunaguError
from controller.model.sites.devices import EstateName

FORMAT: Literal[2] = 2


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedCommand(_Frozen):
    """A command and what goes into its standard input."""

    line: str
    stdin: str | None = None


class PlannedStep(_Frozen):
    """A step, and the digest of the device state that it leads to."""

    title: str
    commands: tuple[PlannedCommand, ...]
    leads_to: str


class DevicePlan(_Frozen):
    """All that is to be done on one device.

    `seen` is the digest of the state that the plan was made from; `wanted` is the wanted state as text, so that what
    is read back can be compared in words. `changes` is for people, and so is `moved`: what of the policy this device
    leaves to another one.
    """

    device: str
    school: str
    platform: str
    seen: str
    steps: tuple[PlannedStep, ...]
    wanted: str
    changes: tuple[str, ...]
    filters_proved: int
    saved: bool
    moved: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        """The digests of every state that the plan knows: as seen, after each step."""
        return (self.seen, *(step.leads_to for step in self.steps))


class Unplanned(_Frozen):
    """A device that the plan says nothing about, and why."""

    device: str
    reason: str
    kind: Literal["not supported", "failed"]


class PlanFile(_Frozen):
    """The whole plan. `city` and `policy` name what it was made from: the city's id, and a digest of all its files.

    `on` is the day that the policy was compiled for. `until` is the last day of the first exception in it that expires;
    None where it holds none. `estate` says whose devices they are.
    """

    format: Literal[2] = FORMAT
    city: str
    policy: str
    on: date
    until: date | None = None
    estate: EstateName
    made: datetime
    canary: str
    devices: tuple[DevicePlan, ...]
    unplanned: tuple[Unplanned, ...]

    def digest(self) -> str:
        """A SHA-256 that names the plan; devices keep it while the plan is applied."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def save_plan(plan: PlanFile, path: Path) -> None:
    """Write the plan beside its place and put it there in one move.

    Raises:
        TsunaguError: the place cannot be written to; what stood there before still does.
    """
    document = {"plan": plan.model_dump(mode="json"), "sha256": plan.digest()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(json.dumps(document, ensure_ascii=False, indent=1) + "\n", path)
    except OSError as error:
        message = f"{path}: the plan cannot be saved: {error.strerror}"
        raise TsunaguError(message) from None


def _write(text: str, path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_plan(path: Path, city: str) -> PlanFile:
    """Read a plan of this city.

    Raises:
        PlanRefused: it is missing, half written, changed by hand, of another format, or of another city.
    """
    plan, digest = _read(path)
    if plan.digest() != digest:
        message = f"{path}: the plan does not match its own checksum; it was changed after it was made. Make it anew."
        raise PlanRefused(message)
    if plan.city != city:
        message = f"{path}: the plan is of the city {plan.city!r}; these policies are of {city!r}"
        raise PlanRefused(message)
    return plan


def _read(path: Path) -> tuple[PlanFile, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["plan"]["format"] != FORMAT:
            message = (
                f"{path}: the plan is of format {document['plan']['format']}; this release reads {FORMAT}. Make it anew"
            )
            raise PlanRefused(message)
        if "made" in document["plan"] and document["plan"].get("on") is None:
            message = (
                f"{path}: the plan does not say for which day it was made, so an exception in it may have expired. "
            )
            message += "Make it anew"
            raise PlanRefused(message)
        return PlanFile.model_validate(document["plan"]), str(document["sha256"])
    except FileNotFoundError:
        message = f"{path}: there is no such plan; make one with: tsunagu plan -o {path}"
        raise PlanRefused(message) from None
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise PlanRefused(message) from None
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its fields"
        message = (
            f"{path}: not a whole plan ({where}); it may be half written. Make it anew with: tsunagu plan -o {path}"
        )
        raise PlanRefused(message) from None

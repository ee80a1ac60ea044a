"""From a folder of YAML to a City; all that is wrong with it at once, each with file, line and field."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from controller.errors import Origin, PolicyError, Problem
from controller.model.access.admission import AdmissionFile
from controller.model.access.data_flows import FlowFile
from controller.model.access.infrastructure_protocols import InfrastructureProtocolFile
from controller.model.access.people import PeopleFile
from controller.model.access.rules import ApplicationFile, PrefixListFile, RuleFile, SegmentFile
from controller.model.city import City
from controller.model.loading.addressing import find_addressing_problems
from controller.model.loading.enforcement import find_enforcement_problems
from controller.model.loading.names import Files, find_name_problems
from controller.model.loading.scope_names import find_scope_problems
from controller.model.loading.wireless_names import find_wireless_problems
from controller.model.measurement import MeasurementFile
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.calendar import CalendarFile
from controller.model.sites.schools import BlueprintFile, CityFile, LabFile, SchoolFile
from controller.model.sites.scope import GroupFile
from controller.model.sites.stack_outputs import StackOutputs
from controller.model.source import REFUSED, Document, read_yaml

Model = TypeVar("Model", bound=BaseModel)


def load_city(
    directory: Path,
    *,
    undeployed: bool = False,
    on: date | None = None,
    instead: Mapping[str, Path] | None = None,
    shown_as: str | None = None,
) -> City:
    """Load `policies/`.

    Args:
        directory: the folder that holds city/, access/ and measurement.yaml.
        undeployed: accept cloud applications that the stack's outputs do not hold yet; they have no addresses then.
            Only the stack that is about to make them asks so.
        on: the day that the policy is meant for; expired exceptions are not in force then. Left out: today, city time.
        instead: files that stand in for some of the folder's, by the name from the folder on (`access/rules.yaml`).
        shown_as: what messages call the folder.

    Raises:
        PolicyError: with every problem of every file.
    """
    if not directory.is_dir():
        message = "no such folder; --policies DIR names the folder that holds city/ and access/"
        raise PolicyError(REFUSED, [Problem(Origin(str(directory), 1), "", message)])
    reader = _Reader(directory, instead or {}, shown_as or str(directory))
    files = _read(reader)
    problems = [*reader.problems, *find_name_problems(files, undeployed=undeployed), *find_scope_problems(files)]
    problems += find_wireless_problems(files)
    if not problems:
        city = _city(files, reader, on)
        problems = [*find_addressing_problems(city, reader.place), *find_enforcement_problems(city)]
        if not problems:
            return city
    raise PolicyError(REFUSED, problems)


class _Reader:
    """Reads files, and collects what is wrong with them and a digest of all that was read."""

    def __init__(self, directory: Path, instead: Mapping[str, Path], shown_as: str) -> None:
        self.directory = directory
        self.shown_as = shown_as
        self.instead = instead
        self.problems: list[Problem] = []
        self.digest = hashlib.sha256()
        self.documents: dict[str, Document] = {}

    def place(self, name: str, field: str) -> Origin:
        """Where a file gives one of its own fields; `.` leads to a field inside a field."""
        document = self.documents.get(name)
        return document.origin(tuple(field.split("."))) if document else Origin(f"{self.shown_as}/{name}", 1)

    def one(self, name: str, model: type[Model]) -> Model | None:
        path = self.instead.get(name, self.directory / name)
        try:
            document = read_yaml(path, str(path) if name in self.instead else f"{self.shown_as}/{name}")
        except PolicyError as error:
            self.problems += error.problems
            return None
        self.digest.update(name.encode() + b"\0" + path.read_bytes())
        self.documents[name] = document
        value, problems = document.validate(model)
        self.problems += problems
        stem = Path(name).stem
        if isinstance(value, PrefixListFile) and value.id != stem:
            # One file, one list, one name: no list can hide another, and findings can name the file.
            message = f"must be the file's name, {stem!r} (found {value.id!r})"
            self.problems.append(Problem(document.origin(("id",)), "id", message))
        return value

    def optional(self, name: str, model: type[Model], otherwise: Model | None = None) -> Model | None:
        """A file that need not be there."""
        if name not in self.instead and not (self.directory / name).exists():
            return otherwise
        return self.one(name, model)

    def folder(self, name: str, model: type[Model]) -> list[Model] | None:
        there = {f"{name}/{path.name}" for path in (self.directory / name).glob("*.yaml")}
        names = sorted(there | {one for one in self.instead if one.rpartition("/")[0] == name})
        if not names:
            origin = Origin(f"{self.shown_as}/{name}", 1)
            self.problems.append(Problem(origin, "", "the folder is missing or holds no .yaml file"))
        values = [self.one(one, model) for one in names]
        kept = [value for value in values if value is not None]
        return kept if names and len(kept) == len(values) else None


def _read(reader: _Reader) -> Files:
    city = reader.one("city/city.yaml", CityFile)
    schools = reader.folder("city/schools", SchoolFile)
    segments = reader.one("access/segments.yaml", SegmentFile)
    applications = reader.one("access/applications.yaml", ApplicationFile)
    rules = reader.one("access/rules.yaml", RuleFile)
    necessities = reader.one("access/necessities.yaml", InfrastructureProtocolFile)
    return Files(
        directory=reader.directory,
        place=reader.place,
        city=city,
        schools=None if schools is None else tuple(school for file in schools for school in file.schools),
        blueprints=reader.one("city/blueprints.yaml", BlueprintFile),
        lines=reader.one("city/lines.yaml", AccessLinesFile),
        groups=reader.optional("city/groups.yaml", GroupFile, GroupFile(groups=())),
        calendar=reader.optional("city/calendar.yaml", CalendarFile),
        measurement=reader.one("measurement.yaml", MeasurementFile),
        lab=reader.one("city/lab.yaml", LabFile),
        segments=None if segments is None else segments.segments,
        people=reader.one("access/people.yaml", PeopleFile),
        applications=None if applications is None else applications.applications,
        prefix_lists=reader.folder("access/prefixes", PrefixListFile),
        rules=None if rules is None else rules.rules,
        exchange=reader.optional("access/flows.yaml", FlowFile, FlowFile(flows=())),
        admission=reader.one("access/admission.yaml", AdmissionFile),
        necessities=None if necessities is None else necessities.necessities,
        outputs=None if city is None else reader.one(f"stack-outputs/{city.stack}.json", StackOutputs),
    )


def _city(files: Files, reader: _Reader, on: date | None) -> City:
    assert files.city and files.schools and files.blueprints and files.lab  # noqa: S101, PT018 no problem: all read
    assert files.lines and files.measurement and files.groups and files.exchange  # noqa: S101, PT018
    assert files.segments and files.people and files.admission  # noqa: S101, PT018
    assert files.applications is not None and files.prefix_lists is not None  # noqa: S101, PT018 may be empty
    assert files.rules is not None and files.necessities and files.outputs  # noqa: S101, PT018
    day = on or datetime.now(UTC).astimezone(ZoneInfo(files.city.timezone)).date()
    flows = files.exchange.flows
    return City(
        directory=reader.shown_as,
        digest=reader.digest.hexdigest(),
        on=day,
        file=files.city,
        schools=files.schools,
        blueprints=files.blueprints,
        lines=files.lines,
        measurement=files.measurement,
        lab=files.lab,
        segments={segment.id: segment for segment in files.segments},
        people=files.people,
        applications={application.id: application for application in files.applications},
        prefix_lists={one.id: one for one in files.prefix_lists},
        rules=tuple(rule for rule in files.rules if rule.holds_on(day)),
        lapsed=tuple(rule for rule in files.rules if not rule.holds_on(day)),
        calendar=files.calendar,
        groups={group.id: group for group in files.groups.groups},
        systems={system.id: system for system in files.exchange.systems},
        flows=tuple(flow for flow in flows if flow.holds_on(day)),
        lapsed_flows=tuple(flow for flow in flows if not flow.holds_on(day)),
        admissions=files.admission.admissions,
        otherwise=files.admission.otherwise,
        admission_limits=files.admission.limits,
        admission_servers=files.admission.servers,
        necessities=tuple(
            known for one in files.necessities if (known := one.among(files.admission.servers)) is not None
        ),
        outputs=files.outputs,
    )

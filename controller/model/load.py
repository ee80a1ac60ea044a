"""From a folder of YAML to a City; all that is wrong with it at once, each with file, line and field."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from controller.errors import Origin, PolicyError, Problem
from controller.model.access import (
    AdmissionFile,
    ApplicationFile,
    NecessityFile,
    PeopleFile,
    PrefixListFile,
    RuleFile,
    SegmentFile,
    StackOutputs,
)
from controller.model.addressing import addressing_problems
from controller.model.city import City
from controller.model.enforcement import enforcement_problems
from controller.model.lines import LinesFile
from controller.model.measurement import MeasurementFile
from controller.model.names import Files, name_problems
from controller.model.schools import BlueprintFile, CityFile, LabFile, SchoolFile
from controller.model.source import REFUSED, Document, read_yaml

Model = TypeVar("Model", bound=BaseModel)


def load_city(directory: Path, *, undeployed: bool = False) -> City:
    """Load `policies/`.

    Args:
        directory: the folder that holds city/, access/ and measurement.yaml.
        undeployed: accept cloud applications that the stack's outputs do not hold yet; they have no addresses then.
            Only the stack that is about to make them asks so.

    Raises:
        PolicyError: with every problem of every file.
    """
    if not directory.is_dir():
        message = "no such folder; --policies DIR names the folder that holds city/ and access/"
        raise PolicyError(REFUSED, [Problem(Origin(str(directory), 1), "", message)])
    reader = _Reader(directory)
    files = _read(reader)
    problems = [*reader.problems, *name_problems(files, undeployed=undeployed)]
    if not problems:
        city = _city(files, reader.digest.hexdigest())
        problems = [*addressing_problems(city, reader.place), *enforcement_problems(city)]
        if not problems:
            return city
    raise PolicyError(REFUSED, problems)


class _Reader:
    """Reads files, and collects what is wrong with them and a digest of all that was read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[Problem] = []
        self.digest = hashlib.sha256()
        self.documents: dict[str, Document] = {}

    def place(self, name: str, field: str) -> Origin:
        """Where a file gives one of its own fields; `.` leads to a field inside a field."""
        document = self.documents.get(name)
        return document.origin(tuple(field.split("."))) if document else Origin(str(self.directory / name), 1)

    def one(self, name: str, model: type[Model]) -> Model | None:
        path = self.directory / name
        try:
            document = read_yaml(path, str(path))
        except PolicyError as error:
            self.problems += error.problems
            return None
        self.digest.update(name.encode() + b"\0" + path.read_bytes())
        self.documents[name] = document
        value, problems = document.validate(model)
        self.problems += problems
        if isinstance(value, PrefixListFile) and value.id != path.stem:
            # One file, one list, one name: no list can hide another, and findings can name the file.
            message = f"must be the file's name, {path.stem!r} (found {value.id!r})"
            self.problems.append(Problem(document.origin(("id",)), "id", message))
        return value

    def folder(self, name: str, model: type[Model]) -> list[Model] | None:
        paths = sorted((self.directory / name).glob("*.yaml"))
        if not paths:
            origin = Origin(str(self.directory / name), 1)
            self.problems.append(Problem(origin, "", "the folder is missing or holds no .yaml file"))
        values = [self.one(f"{name}/{path.name}", model) for path in paths]
        kept = [value for value in values if value is not None]
        return kept if paths and len(kept) == len(values) else None


def _read(reader: _Reader) -> Files:
    city = reader.one("city/city.yaml", CityFile)
    schools = reader.folder("city/schools", SchoolFile)
    segments = reader.one("access/segments.yaml", SegmentFile)
    applications = reader.one("access/applications.yaml", ApplicationFile)
    rules = reader.one("access/rules.yaml", RuleFile)
    necessities = reader.one("access/necessities.yaml", NecessityFile)
    return Files(
        directory=reader.directory,
        place=reader.place,
        city=city,
        schools=None if schools is None else tuple(school for file in schools for school in file.schools),
        blueprints=reader.one("city/blueprints.yaml", BlueprintFile),
        lines=reader.one("city/lines.yaml", LinesFile),
        measurement=reader.one("measurement.yaml", MeasurementFile),
        lab=reader.one("city/lab.yaml", LabFile),
        segments=None if segments is None else segments.segments,
        people=reader.one("access/people.yaml", PeopleFile),
        applications=None if applications is None else applications.applications,
        prefix_lists=reader.folder("access/prefixes", PrefixListFile),
        rules=None if rules is None else rules.rules,
        admission=reader.one("access/admission.yaml", AdmissionFile),
        necessities=None if necessities is None else necessities.necessities,
        outputs=None if city is None else reader.one(f"stack-outputs/{city.stack}.json", StackOutputs),
    )


def _city(files: Files, digest: str) -> City:
    assert files.city and files.schools and files.blueprints and files.lab  # noqa: S101, PT018 no problem: all read
    assert files.lines and files.measurement  # noqa: S101, PT018
    assert files.segments and files.people and files.admission  # noqa: S101, PT018
    assert files.applications is not None and files.prefix_lists is not None  # noqa: S101, PT018 may be empty
    assert files.rules is not None and files.necessities and files.outputs  # noqa: S101, PT018
    return City(
        directory=str(files.directory),
        digest=digest,
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
        rules=files.rules,
        admissions=files.admission.admissions,
        otherwise=files.admission.otherwise,
        necessities=files.necessities,
        outputs=files.outputs,
    )

"""The table of the files of `policies/`: what is read, which schema an editor gets, where an error is, what a City has.

A new kind of file is one entry here; `controller.model.loading` and `City` follow. A property of `City` that puts a
file's items in another order (by their id, in force today) is a convenience beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from pydantic import BaseModel

from controller.errors import Origin, TsunaguError
from controller.model.access.admission import AdmissionFile
from controller.model.access.data_flows import FlowFile
from controller.model.access.infrastructure_protocols import InfrastructureProtocolFile
from controller.model.access.people import PeopleFile
from controller.model.access.quarantines import QuarantineFile
from controller.model.access.rules import ApplicationFile, PrefixListFile, RuleFile, SegmentFile
from controller.model.formats.city_migrations import CITY_ACCESS, LAB_ACCESS
from controller.model.formats.migration import NUMBERED, FileFormat, Migration
from controller.model.integration.integrations import IntegrationFile
from controller.model.measurement import MeasurementFile
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.blueprints import BlueprintFile
from controller.model.sites.calendar import CalendarFile
from controller.model.sites.inventory import DeviceFile
from controller.model.sites.schools import CityFile, LabFile, SchoolFile
from controller.model.sites.scope import GroupFile
from controller.model.sites.stack_outputs import StackOutputs

Model = TypeVar("Model", bound=BaseModel)
Model_co = TypeVar("Model_co", bound=BaseModel, covariant=True)

STACK = "{stack}"
"""Stands in a name for the stack whose outputs city.yaml says are in use."""

LOCKS = (".~lock", "~$", ".#")
"""What LibreOffice, Excel and Emacs begin the name of a lock with."""
COMPANIONS = (*LOCKS, "._")
"""What the names of files begin with that programs put beside a file; macOS writes `._x.yaml` beside `x.yaml`."""


@dataclass(frozen=True, eq=False)
class PolicyFile(Generic[Model_co]):
    """A kind of file in `policies/`.

    Args:
        name: from `policies/` on; with `*` for every file of a folder, or with `{stack}`.
        model: what one such file holds.
        optional: it need not be there; then `default` stands for it, or nothing does.
        format: the number that a file of today carries. One without a number is of format 0.
        readable_from: the oldest format that `model` still reads; what is older must be migrated first.
        migrations: from each older format to the next one.
        named_by: a field that must be the file's own name, so that no file of a folder can hide another.
        has_schema: people write it, and their editors are given its JSON schema.
    """

    name: str
    model: type[Model_co]
    optional: bool = False
    default: Model_co | None = None
    format: int = 1
    readable_from: int = 0
    migrations: tuple[Migration, ...] = (NUMBERED,)
    named_by: str | None = None
    has_schema: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.readable_from <= self.file_format.current:
            message = f"{self.name}: no file can be read from format {self.readable_from} on"
            raise ValueError(message)

    @property
    def file_format(self) -> FileFormat:
        """The formats that files of the kind have had."""
        return FileFormat(self.format, self.migrations)

    @property
    def pattern(self) -> str:
        """The name with a `*` for every part that differs between files of the kind."""
        return self.name.replace(STACK, "*")

    @property
    def is_folder(self) -> bool:
        """Every file of the folder is read, and there must be one unless it is optional."""
        return "*" in self.name

    @property
    def folder(self) -> str:
        """The folder that it stands in, from `policies/` on."""
        return self.name.rpartition("/")[0]

    def matches(self, name: str) -> bool:
        """Tell if a file of this name, from `policies/` on, is of this kind."""
        if name.rpartition("/")[2].startswith(COMPANIONS):
            return False
        return name.count("/") == self.name.count("/") and fnmatchcase(name, self.pattern)

    def name_for(self, part: str) -> str:
        """The name of the file for one list, or of one stack.

        >>> PREFIX_LISTS.name_for("google-workspace")
        'access/prefixes/google-workspace.yaml'
        """
        return self.pattern.replace("*", part)


CITY = PolicyFile("city/city.yaml", CityFile, format=2, readable_from=2, migrations=(NUMBERED, CITY_ACCESS))
SCHOOLS = PolicyFile("city/schools/*.yaml", SchoolFile)
DEVICES = PolicyFile("city/devices/*.yaml", DeviceFile, optional=True)
BLUEPRINTS = PolicyFile("city/blueprints.yaml", BlueprintFile)
LINES = PolicyFile("city/lines.yaml", AccessLinesFile)
GROUPS = PolicyFile("city/groups.yaml", GroupFile, optional=True, default=GroupFile(groups=()))
INTEGRATION = PolicyFile("city/integration.yaml", IntegrationFile, optional=True)
CALENDAR = PolicyFile("city/calendar.yaml", CalendarFile, optional=True)
MEASUREMENT = PolicyFile("measurement.yaml", MeasurementFile)
LAB = PolicyFile("city/lab.yaml", LabFile, optional=True, format=2, readable_from=2, migrations=(NUMBERED, LAB_ACCESS))
SEGMENTS = PolicyFile("access/segments.yaml", SegmentFile)
PEOPLE = PolicyFile("access/people.yaml", PeopleFile)
APPLICATIONS = PolicyFile("access/applications.yaml", ApplicationFile)
PREFIX_LISTS = PolicyFile("access/prefixes/*.yaml", PrefixListFile, optional=True, named_by="id")
RULES = PolicyFile("access/rules.yaml", RuleFile)
FLOWS = PolicyFile("access/flows.yaml", FlowFile, optional=True, default=FlowFile(flows=()))
ADMISSION = PolicyFile("access/admission.yaml", AdmissionFile)
INFRASTRUCTURE_PROTOCOLS = PolicyFile("access/necessities.yaml", InfrastructureProtocolFile)
QUARANTINES = PolicyFile("access/quarantines.yaml", QuarantineFile, optional=True, default=QuarantineFile())
OUTPUTS = PolicyFile(f"stack-outputs/{STACK}.json", StackOutputs, has_schema=False)

POLICY_FILES: tuple[PolicyFile[BaseModel], ...] = (
    CITY,
    SCHOOLS,
    DEVICES,
    BLUEPRINTS,
    LINES,
    GROUPS,
    INTEGRATION,
    CALENDAR,
    MEASUREMENT,
    LAB,
    SEGMENTS,
    PEOPLE,
    APPLICATIONS,
    PREFIX_LISTS,
    RULES,
    FLOWS,
    ADMISSION,
    INFRASTRUCTURE_PROTOCOLS,
    QUARANTINES,
    OUTPUTS,
)
"""In the order in which they are read: `CITY` names the stack of `OUTPUTS`."""


@dataclass(frozen=True, slots=True)
class OlderFile:
    """A file of an older format that can still be read; 0 is a file without a number."""

    origin: Origin
    found: int
    current: int
    is_json: bool = False


@dataclass(frozen=True, eq=False)
class PolicyValues:
    """What was read of `policies/`, by kind of file; None where a file could not be read.

    `older` are the files that `tsunagu migrate` would bring to the format of today.
    """

    values: Mapping[PolicyFile[BaseModel], tuple[BaseModel, ...] | None] = field(default_factory=dict)
    older: tuple[OlderFile, ...] = ()

    def find_all(self, file: PolicyFile[Model]) -> tuple[Model, ...] | None:
        """What the files of a kind hold, in the order of their names; None where one could not be read."""
        values = self.values.get(file)
        return None if values is None else tuple(_of_model(file.model, values))

    def find(self, file: PolicyFile[Model]) -> Model | None:
        """What the one file of a kind holds; None where it could not be read, or is not there and need not be."""
        values = self.find_all(file)
        return values[0] if values else None

    def get_all(self, file: PolicyFile[Model]) -> tuple[Model, ...]:
        """The same as `find_all` in a policy that was read without problems.

        Raises:
            LookupError: the kind was not read.
        """
        values = self.find_all(file)
        if values is None:
            message = f"{file.name} was not read"
            raise LookupError(message)
        return values

    def get(self, file: PolicyFile[Model]) -> Model:
        """The same as `find` in a policy that was read without problems, for a file that is always there.

        Raises:
            LookupError: the file was not read.
        """
        value = self.find(file)
        if value is None:
            message = f"{file.name} was not read"
            raise LookupError(message)
        return value

    def replace_file(self, file: PolicyFile[Model], *values: Model) -> PolicyValues:
        """The same with other contents of one kind of file."""
        return replace(self, values={**self.values, file: values})


def _of_model(model: type[Model], values: tuple[BaseModel, ...]) -> Iterator[Model]:
    for value in values:
        if not isinstance(value, model):
            message = f"{type(value).__name__} stands where {model.__name__} should"
            raise TypeError(message)
        yield value


def find_file_start(directory: str, file: PolicyFile[Model], part: str = "") -> Origin:
    """The first line of a file of a policy, for findings about it as a whole."""
    return Origin(f"{directory}/{file.name_for(part)}", 1)


def require_file(files: PolicyValues, directory: str, file: PolicyFile[Model], advice: str) -> Model:
    """Return what a file holds that a city can do without, and a command cannot; `advice` says what to write.

    Raises:
        TsunaguError: there is no such file.
    """
    found = files.find(file)
    if found is None:
        message = f"{find_file_start(directory, file)}: file is missing; {advice}"
        raise TsunaguError(message)
    return found

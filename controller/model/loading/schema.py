"""JSON Schema of every policy file, made from the models, so that editors complete and check what people write.

Editors see the shape of a file; what needs more than one field, or more than one file, `tsunagu check` says.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from controller.model.access.admission import AdmissionFile
from controller.model.access.data_flows import FlowFile
from controller.model.access.infrastructure_protocols import InfrastructureProtocolFile
from controller.model.access.people import PeopleFile
from controller.model.access.rules import ApplicationFile, PrefixListFile, RuleFile, SegmentFile
from controller.model.measurement import MeasurementFile
from controller.model.network.packets import Service
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.calendar import CalendarFile
from controller.model.sites.schools import BlueprintFile, CityFile, LabFile, SchoolFile
from controller.model.sites.scope import GroupFile
from controller.model.source import ORIGIN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schema"
"""Where the schemas are, in `policies/`."""
SCHEMAS: dict[str, type[BaseModel]] = {
    "access/admission.yaml": AdmissionFile,
    "access/applications.yaml": ApplicationFile,
    "access/flows.yaml": FlowFile,
    "access/necessities.yaml": InfrastructureProtocolFile,
    "access/people.yaml": PeopleFile,
    "access/prefixes/*.yaml": PrefixListFile,
    "access/rules.yaml": RuleFile,
    "access/segments.yaml": SegmentFile,
    "city/blueprints.yaml": BlueprintFile,
    "city/calendar.yaml": CalendarFile,
    "city/city.yaml": CityFile,
    "city/groups.yaml": GroupFile,
    "city/lab.yaml": LabFile,
    "city/lines.yaml": AccessLinesFile,
    "city/schools/*.yaml": SchoolFile,
    "measurement.yaml": MeasurementFile,
}
"""The model of each file, by its name from `policies/` on."""
_SERVICE = r"^(tcp|udp)/[0-9]{1,5}(-[0-9]{1,5})?$"


class _OurTypes(GenerateJsonSchema):
    """What our models read from text is text in the schema; where an item stood in its file is nobody's to write."""

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:  # noqa: ARG002 as in pydantic  # noqa: ARG002 as in pydantic
        """A class that only a validator of ours makes."""
        return {"type": "string"}

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """A service is written as `tcp/443`."""
        if schema["cls"] is Service:
            return {"type": "string", "pattern": _SERVICE, "examples": ["tcp/443"]}
        return super().dataclass_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A model without its `origin`."""
        made = super().model_schema(schema)
        made.get("properties", {}).pop(ORIGIN, None)
        if ORIGIN in made.get("required", ()):
            made["required"] = [name for name in made["required"] if name != ORIGIN]
        return made

    def generate_inner(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 as in pydantic
        """Prefixes are any text here: pydantic's own formats are known to no editor."""
        made = super().generate_inner(schema)
        if made.get("format") in {"ipv4network", "ipv6network", "ipvanynetwork"}:
            return {"type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32"]}
        if made.get("format") == "time":
            return {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$", "examples": ["09:00"]}
        return made


def get_schema_name(file: str) -> str:
    """The name of the schema of a file: `access/prefixes/*.yaml` has `prefixes.json`."""
    folder, _, name = file.removesuffix(".yaml").rpartition("/")
    return f"{folder.rpartition('/')[2] if name == '*' else name}.json"


def build_schemas() -> dict[str, dict[str, Any]]:
    """Every schema by its file name."""
    return {get_schema_name(file): build_schema(model) for file, model in SCHEMAS.items()}


def build_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of one kind of file."""
    made = model.model_json_schema(by_alias=True, schema_generator=_OurTypes, mode="validation")
    return {"$schema": DIALECT, **made}

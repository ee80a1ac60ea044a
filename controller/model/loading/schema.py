"""JSON Schema of every policy file, made from the models, so that editors complete and check what people write.

Editors see the shape of a file; what needs more than one field, or more than one file, `tsunagu check` says.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from controller.model.network.packets import Service
from controller.model.policy_files import POLICY_FILES, PolicyFile
from controller.model.yaml_source import FORMAT, ORIGIN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schema"
"""Where the schemas are, in `policies/`."""
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


def build_schemas(table: tuple[PolicyFile[BaseModel], ...] = POLICY_FILES) -> dict[str, dict[str, Any]]:
    """Every schema by its file name."""
    return {get_schema_name(file.name): build_schema(file.model, file.format) for file in table if file.has_schema}


def build_schema(model: type[BaseModel], current_format: int) -> dict[str, Any]:
    """The schema of one kind of file, its format number first."""
    made = model.model_json_schema(by_alias=True, schema_generator=_OurTypes, mode="validation")
    number = {
        "const": current_format,
        "description": "The format of this file; `tsunagu migrate` raises it.",
        "title": "Format",
    }
    made["properties"] = {FORMAT: number, **made.get("properties", {})}
    return {"$schema": DIALECT, **made}

"""Writes the schemas of policy files and of the operators' file anew from the models.

With `--check` it only says which are not current.

python -m tools.make_schemas [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from controller.model.loading.schema import FOLDER, build_schema, build_schemas
from controller.operations.operations import Operations
from controller.operations.operators_file import FORMAT

ROOT = Path(__file__).resolve().parents[1]
POLICIES = ROOT / "policies"
OPERATIONS = ROOT / "controller" / "operations" / "operations.schema.json"


def build_schema_texts() -> dict[Path, str]:
    """What each file should hold."""
    wanted = {POLICIES / FOLDER / name: schema for name, schema in build_schemas().items()}
    wanted[OPERATIONS] = build_schema(Operations, FORMAT)
    return {path: json.dumps(schema, ensure_ascii=False, indent=1) + "\n" for path, schema in wanted.items()}


def find_outdated() -> list[Path]:
    """Files that are missing, not current, or nobody's."""
    wanted = build_schema_texts()
    wrong = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return sorted([*wrong, *(path for path in (POLICIES / FOLDER).glob("*.json") if path not in wanted)])


def main() -> int:
    """Write, or check."""
    wrong = find_outdated()
    for path in wrong:
        sys.stdout.write(f"{path.relative_to(POLICIES.parent)}\n")
    if "--check" in sys.argv:
        return 1 if wrong else 0
    (POLICIES / FOLDER).mkdir(exist_ok=True)
    for path in wrong:
        if path in build_schema_texts():
            path.write_text(build_schema_texts()[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

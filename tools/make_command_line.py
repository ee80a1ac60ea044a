"""Writes what follows from the commands: the option table, the JSON Schemas, and the tables of docs/command-line.md.

python tools/make_command_line.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from controller.cli.conventions import option_table
from controller.cli.conventions.command_tree import describe_options, list_commands
from controller.cli.conventions.error_document import OTHER_CODES, list_error_codes
from controller.cli.conventions.json_forms import build_json_schemas
from controller.exit_codes import MEANINGS

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(option_table.__file__).with_name(option_table.FILE)
PAGE = ROOT / "docs" / "command-line.md"
SCHEMAS = ROOT / "docs" / "json"


def build_files() -> dict[Path, str]:
    """Return every generated file with what it should hold."""
    options = {words: describe_options(command) for words, command in list_commands()}
    found = {TABLE: json.dumps(options, ensure_ascii=False, indent=1, sort_keys=True) + "\n"}
    for name, schema in build_json_schemas().items():
        found[SCHEMAS / f"{name}.schema.json"] = json.dumps(schema, indent=1) + "\n"
    page = PAGE.read_text(encoding="utf-8")
    codes = "\n".join(f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items())
    page = _replace(page, "exit codes", f"| code | meaning |\n| --- | --- |\n{codes}")
    names = sorted({*list_error_codes(), *OTHER_CODES})
    page = _replace(page, "error codes", ", ".join(f"`{one}`" for one in names))
    found[PAGE] = page
    return found


def _replace(page: str, what: str, content: str) -> str:
    begin, end = f"<!-- {what}: generated -->", f"<!-- end of {what} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def find_outdated() -> list[Path]:
    """Return the files that are not as they should be, and those that should not be there."""
    wanted = build_files()
    outdated = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return outdated + [path for path in SCHEMAS.glob("*.json") if path not in wanted]


def main() -> int:
    """Write the files."""
    for path, text in build_files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in find_outdated():
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

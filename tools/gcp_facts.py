"""Select what the project uses from the schema facts of the Google Cloud provider.

    tools/gcp_facts.py FACTS.json

reads the types named in `types.txt` of `controller/offline_google/schema/` and writes `facts.jsonl` there: a
header line with the source, then one resource a line, sorted by token. FACTS.json holds names, flags and limits only,
read out of the source of the provider; its README names the releases and licences, as `LICENCES.md` does.
them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1] / "controller" / "offline_google" / "schema"
HEADER = {
    "sdk": "10.2.0",
    "source": "hashicorp/terraform-provider-google-beta 93c65b2d60fea598528f2769b5b09de856f8cb8c; see LICENCES.md",
}
_LEFT_OUT = {"src", "docEnum", "tfOnly"}
"""Where a fact was read, and hints that are no checks."""


def select_facts(facts: list[dict[str, Any]], tokens: list[str]) -> list[dict[str, Any]]:
    """The facts of these types.

    Raises:
        KeyError: the provider has no such type.
    """
    known = {resource["token"]: resource for resource in facts}
    missing = sorted(set(tokens) - known.keys())
    if missing:
        message = f"the facts hold no such type: {', '.join(missing)}"
        raise KeyError(message)
    return [_small(known[token]) for token in sorted(set(tokens))]


def list_types(file: Path) -> list[str]:
    """The tokens of a list, one a line; `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def main(arguments: list[str]) -> int:
    """Write the selection; exit code 64 without the one argument."""
    if len(arguments) != 1:
        sys.stderr.write(__doc__ or "")
        return 64
    facts = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    chosen = select_facts(facts, list_types(PACKAGE / "types.txt"))
    lines = [json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in (HEADER, *chosen)]
    target = PACKAGE / "facts.jsonl"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(chosen)} resource types, {target.stat().st_size // 1024} KB\n")
    return 0


def _small(resource: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in resource.items() if key not in _LEFT_OUT | {"token", "props"}}
    properties = {
        path: {key: value for key, value in facts.items() if key not in _LEFT_OUT}
        for path, facts in resource["props"].items()
    }
    return {"token": resource["token"], **rest, "props": properties}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Write what Tsunagu is made of, with licences: a software bill of materials in CycloneDX's JSON (1.6).

    python -m tools.make_sbom [-o FILE]

From the locks, not from what happens to be installed: `requirements.lock`, the `package-lock.json` of the page check,
and the files of other projects that are kept here (`tools/vendored.yaml`). Licences come from the packages' own
metadata, and where those do not say it in SPDX's words from `tools/licences.yaml`. The same locks give the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from controller.errors import TsunaguError

ROOT = Path(__file__).resolve().parents[1]
SPECIFICATION = "1.6"
NAME = "tsunagu"
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)\s*(?:;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:(?P<hash>[0-9a-f]{64})\s*\\?$")
_VIA = re.compile(r"^\s+#\s+(?:via\s*)?(?P<via>\S.*?)?\s*$")
_OF_THE_PROJECT = "(pyproject.toml)"


@dataclass(frozen=True, slots=True)
class Component:
    """A package or a kept copy of one. `via` are the names of those that need it, "" for the project itself."""

    ecosystem: str
    name: str
    version: str
    licence: str
    source: str
    hashes: tuple[tuple[str, str], ...] = ()
    via: tuple[str, ...] = ()
    marker: str = ""

    @property
    def purl(self) -> str:
        """The package's address in every bill of materials (package-url)."""
        return f"pkg:{self.ecosystem}/{self.name}@{self.version.replace('+', '%2B')}"

    @property
    def reference(self) -> str:
        """The name of this entry in the bill: a kept copy and what a lock installs are two entries."""
        return f"{self.purl}#{self.source}"


@dataclass(slots=True)
class LockEntry:
    """An entry of `requirements.lock`, as it is read line by line."""

    name: str
    version: str
    marker: str
    hashes: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)


def normalise_name(name: str) -> str:
    """Return a Python package's name as indexes compare them.

    >>> normalise_name("Ruamel.YAML_clib")
    'ruamel-yaml-clib'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(lock: Path) -> list[LockEntry]:
    """Return the entries of a requirements lock.

    Raises:
        TsunaguError: a line that is none of a lock's, or an entry without a hash.
    """
    entries: list[LockEntry] = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if begins := _ENTRY.match(line):
            entries.append(LockEntry(normalise_name(begins["name"]), begins["version"], begins["marker"] or ""))
        elif entries and (digest := _HASH.match(line)):
            entries[-1].hashes.append(digest["hash"])
        elif entries and (via := _VIA.match(line)):
            entries[-1].via += [_read_via(via["via"])] if via["via"] else []
        else:
            message = f"{lock}:{number}: expected a package with its version, a hash or a comment, found {line[:40]!r}"
            raise TsunaguError(message)
    for entry in entries:
        if not entry.hashes:
            message = f"{lock}: {entry.name} has no hash; write the lock by 'make lock'"
            raise TsunaguError(message)
    return entries


def _read_via(text: str) -> str:
    return "" if text.endswith(_OF_THE_PROJECT) else normalise_name(text.split(" ", maxsplit=1)[0])


def list_components(root: Path = ROOT) -> list[Component]:
    """Return every component that the locks of a project name, in one order.

    Raises:
        TsunaguError: a lock cannot be read, or the licence of a package is not known.
    """
    known = yaml.safe_load((root / "tools/licences.yaml").read_text(encoding="utf-8"))
    python = [
        Component(
            "pypi",
            entry.name,
            entry.version,
            find_licence(entry.name, known),
            "requirements.lock",
            tuple(("SHA-256", digest) for digest in entry.hashes),
            tuple(entry.via),
            entry.marker,
        )
        for entry in read_requirements(root / "requirements.lock")
    ]
    found = [
        *python,
        *_list_npm(root / "tools/page_check/package-lock.json"),
        *_list_kept(root / "tools/vendored.yaml"),
    ]
    return sorted(found, key=lambda one: one.reference)


def find_licence(name: str, known: Mapping[str, Mapping[str, str]]) -> str:
    """Return the licence of a Python package as an SPDX expression.

    Raises:
        TsunaguError: neither its metadata nor the known ones say it.
    """
    if name in known["packages"]:
        return known["packages"][name]
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        said = None
    if said is not None:
        if expressions := said.get_all("License-Expression"):
            return str(expressions[0])
        text = str((said.get_all("License") or [""])[0]).strip()
        if re.fullmatch(r"[A-Za-z0-9.+-]+", text) and text not in ("UNKNOWN", "BSD"):
            return text
        classifiers = [one for one in said.get_all("Classifier") or () if one.startswith("License")]
        for word in (text, *(classifiers if len(classifiers) == 1 else ())):
            if word in known["texts"]:
                return known["texts"][word]
    message = f"tools/licences.yaml: the licence of {name} is not known; add it under packages, as an SPDX expression"
    raise TsunaguError(message)


def _list_npm(lock: Path) -> Iterator[Component]:
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    needed = dict.fromkeys(packages[""].get("devDependencies", {}) | packages[""].get("dependencies", {}), "")
    for path, entry in packages.items():
        if path:
            name = path.rpartition("node_modules/")[2]
            via = (needed[name],) if name in needed else ()
            hashes = (_convert_integrity(entry["integrity"]),)
            yield Component("npm", name, entry["version"], entry["license"], "package-lock.json", hashes, via)


def _list_kept(file: Path) -> Iterator[Component]:
    for kept in yaml.safe_load(file.read_text(encoding="utf-8")):
        hashes = (_convert_integrity(kept["integrity"]),)
        yield Component("npm", kept["package"], str(kept["version"]), kept["license"], kept["folder"], hashes, ("",))


def _convert_integrity(text: str) -> tuple[str, str]:
    """A hash in the words of CycloneDX, from one of the web's (`sha512-BASE64`)."""
    algorithm, _, digest = text.partition("-")
    return f"SHA-{algorithm.removeprefix('sha')}", base64.b64decode(digest, validate=True).hex()


def build_bill(components: list[Component], version: str) -> dict[str, Any]:
    """Return the bill of materials of these components."""
    by_name: dict[str, list[str]] = {}
    for one in components:
        by_name.setdefault(one.name, []).append(one.reference)
    own = f"pkg:generic/{NAME}@{version}"
    needs: dict[str, set[str]] = {own: set(), **{one.reference: set() for one in components}}
    for one in components:
        for name in one.via:
            for reference in [own] if not name else by_name.get(name, []):
                needs[reference].add(one.reference)
    entries = [_describe(one) for one in components]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        # Named by its content: the same locks, the same bill.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, entries], sort_keys=True))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": NAME,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": own,
            },
        },
        "components": entries,
        "dependencies": [{"ref": one, "dependsOn": sorted(others)} for one, others in sorted(needs.items())],
    }


def _describe(one: Component) -> dict[str, Any]:
    plain = re.fullmatch(r"[A-Za-z0-9.+-]+", one.licence)
    properties = [("tsunagu:source", one.source), *([("tsunagu:marker", one.marker)] if one.marker else [])]
    return {
        "type": "library",
        "bom-ref": one.reference,
        "name": one.name,
        "version": one.version,
        "hashes": [{"alg": algorithm, "content": digest} for algorithm, digest in one.hashes],
        "licenses": [{"license": {"id": one.licence}} if plain else {"expression": one.licence}],
        "purl": one.purl,
        "properties": [{"name": name, "value": value} for name, value in properties],
    }


def main(words: list[str]) -> int:
    """Write the bill; exit code 1 where a lock or a licence is not as it must be."""
    parser = argparse.ArgumentParser(prog="make_sbom", description="Write the software bill of materials.")
    parser.add_argument("-o", "--output", type=Path, default=Path("sbom.cdx.json"))
    output = parser.parse_args(words).output
    try:
        components = list_components()
        bill = build_bill(components, metadata.version(NAME))
        output.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except (TsunaguError, OSError) as error:
        print(f"sbom: {error}", file=sys.stderr)  # noqa: T201 what a person in a terminal reads
        return 1
    licences = len({one.licence for one in components})
    print(f"sbom: {output}: {len(components)} components, {licences} licences (CycloneDX {SPECIFICATION})")  # noqa: T201 see above
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The software bill of materials names what the locks install, all of it and nothing else, each with its licence."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from controller.errors import TsunaguError
from tools.make_sbom import build_bill, find_licence, list_components, main, normalise_name, read_requirements

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests/tools/cyclonedx"
COMPONENTS = list_components()
BILL = build_bill(COMPONENTS, "1.0")


def read_schema(name: str) -> dict[str, Any]:
    schema = json.loads(gzip.decompress((SCHEMAS / f"{name}.schema.json.gz").read_bytes()))
    assert isinstance(schema, dict)
    return schema


SPDX = frozenset(read_schema("spdx")["enum"])


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    resources = [(f"{name}.SNAPSHOT.schema.json", read_schema(name)) for name in ("spdx", "jsf-0.82")]
    resources += [(f"{name.replace('.SNAPSHOT', '')}", found) for name, found in resources]
    base = read_schema("bom-1.6")
    folder = base["$id"].rpartition("/")[0]
    named = [(f"{folder}/{name}", Resource.from_contents(found)) for name, found in resources]
    registry: Registry[Any] = Registry().with_resources(named)
    return Draft7Validator(base, registry=registry)


def test_the_bill_is_cyclonedx(validator: Draft7Validator) -> None:
    assert [error.message for error in validator.iter_errors(BILL)] == []


@pytest.mark.parametrize("spoilt", ["licence", "hash", "type", "serial"])
def test_the_schema_would_find_a_mistake(validator: Draft7Validator, spoilt: str) -> None:
    bill = json.loads(json.dumps(BILL))
    first = bill["components"][0]
    match spoilt:
        case "licence":
            first["licenses"] = [{"license": {"id": "Free-As-In-Beer"}}]
        case "hash":
            first["hashes"][0]["content"] = "xyz"
        case "type":
            first["type"] = "thing"
        case _:
            bill["serialNumber"] = "7"
    assert not validator.is_valid(bill)


def named(source: str) -> set[tuple[str, str]]:
    """Name and version of the bill's entries from one source."""
    return {
        (one["name"], one["version"])
        for one in BILL["components"]
        if {"name": "tsunagu:source", "value": source} in one["properties"]
    }


def test_it_names_what_the_python_lock_installs() -> None:
    """Read here in another way than the tool does."""
    text = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^([\w.-]+)==([^ ;\\\n]+)", text, re.MULTILINE)
    assert len(pinned) > 100
    assert named("requirements.lock") == {(normalise_name(name), version) for name, version in pinned}
    hashes = [h["content"] for one in BILL["components"] for h in one["hashes"] if h["alg"] == "SHA-256"]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))


def test_it_names_what_the_npm_lock_installs_and_what_is_kept_here() -> None:
    packages = json.loads((ROOT / "tools/page_check/package-lock.json").read_text())["packages"]
    wanted = {(path.removeprefix("node_modules/"), entry["version"]) for path, entry in packages.items() if path}
    assert named("package-lock.json") == wanted
    for kept in yaml.safe_load((ROOT / "tools/vendored.yaml").read_text()):
        assert named(kept["folder"]) == {(kept["package"], kept["version"])}


def test_every_component_has_a_licence_that_spdx_knows() -> None:
    for one in COMPONENTS:
        words = re.split(r" (?:AND|OR|WITH) |[()]", one.licence)
        assert {word.strip() for word in words if word.strip()} <= SPDX | {"LLVM-exception"}, one


def test_every_component_is_needed_by_another_or_by_the_project() -> None:
    needed = {reference for entry in BILL["dependencies"] for reference in entry["dependsOn"]}
    assert {one["bom-ref"] for one in BILL["components"]} == needed
    assert len({one["bom-ref"] for one in BILL["components"]}) == len(BILL["components"])


def copy_project(folder: Path) -> Path:
    for name in (
        "requirements.lock",
        "tools/licences.yaml",
        "tools/vendored.yaml",
        "tools/page_check/package-lock.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_a_package_that_comes_into_the_lock_comes_into_the_bill(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    with (project / "requirements.lock").open("a") as lock:
        lock.write(f"new-thing==1.0 \\\n    --hash=sha256:{'0' * 64}\n    # via rich\n")
    with pytest.raises(TsunaguError, match="the licence of new-thing is not known"):
        list_components(project)
    known = (project / "tools/licences.yaml").read_text()
    (project / "tools/licences.yaml").write_text(f"{known}  new-thing: MIT\n")
    grown = build_bill(list_components(project), "1.0")
    assert len(grown["components"]) == len(BILL["components"]) + 1
    assert grown["serialNumber"] != BILL["serialNumber"]
    rich = next(entry for entry in grown["dependencies"] if entry["ref"].startswith("pkg:pypi/rich@"))
    assert "pkg:pypi/new-thing@1.0#requirements.lock" in rich["dependsOn"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("new-thing>=1\n", "expected a package with its version"),
        ("new-thing @ https://packages.example/x.whl\n", "expected a package with its version"),
        ("--extra-index-url https://packages.example/simple\n", "expected a package with its version"),
        ("-e ../thing\n", "expected a package with its version"),
        ("new-thing==1.0\n", "new-thing has no hash"),
    ],
)
def test_a_lock_with_anything_but_hashed_versions_is_refused(tmp_path: Path, line: str, message: str) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"rich==1 \\\n    --hash=sha256:{'0' * 64}\n{line}")
    with pytest.raises(TsunaguError, match=message):
        read_requirements(lock)


def test_a_licence_of_a_family_is_not_guessed() -> None:
    with pytest.raises(TsunaguError, match="the licence of ply is not known"):
        find_licence("ply", {"packages": {}, "texts": {}})


def test_one_command_writes_it_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main(["-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert main(["-o", str(tmp_path / "none" / "x")]) == 1
    assert "sbom: setup" in (ROOT / "Makefile").read_text()

"""Says which modules are tried, and which tests stand near each."""

from __future__ import annotations

import ast
from pathlib import Path

TARGETS = (
    "controller/rollout/**/*.py",
    "controller/prove/**/*.py",
    "controller/compile/**/*.py",
    "controller/plan/**/*.py",
    "controller/measure/assessment/*.py",
    "controller/platforms/*/parse.py",
    "controller/platforms/dialect/*.py",
    "stacks/settings/configuration.py",
    "stacks/settings/read_configuration.py",
)
NEAR = {
    "controller/measure/assessment": ("tests/measure",),
    "controller/platforms": ("tests/platforms",),
    "controller/plan": ("tests/plan", "tests/cli"),
    "controller/prove": ("tests/prove",),
    "stacks": ("tests/stacks",),
}
"""Folders of tests beside those that mirror the module's; the longest key that begins the module's path counts."""
PACKAGES = ("controller", "monitoring", "stacks")


def list_modules(root: Path, wanted: list[str]) -> list[str]:
    """Return the modules to try: those named, those in the folders named, or all targets.

    Raises:
        ValueError: a name is neither a module nor a folder that holds one.
    """
    if not wanted:
        found = {str(path.relative_to(root)) for pattern in TARGETS for path in root.glob(pattern)}
        return sorted(one for one in found if not one.endswith("__init__.py"))
    modules = []
    for name in wanted:
        path = root / name
        inside = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if not inside or not all(one.is_file() and one.suffix == ".py" for one in inside):
            message = f"{name}: neither a Python module nor a folder of them"
            raise ValueError(message)
        modules += [str(one.relative_to(root)) for one in inside if one.name != "__init__.py"]
    return modules


def find_near_tests(root: Path, module: str) -> list[str]:
    """Return the test files of the mirrored folder, and every other one that imports the module itself."""
    keys = [key for key in NEAR if module.startswith(f"{key}/")]
    parts = Path(module).parts
    mirrored = ("tests", *parts[1:2]) if parts[0] == "controller" else ("tests", parts[0])
    folders = NEAR[max(keys, key=len)] if keys else ("/".join(mirrored),)
    files = {path for folder in folders for path in (root / folder).rglob("test_*.py")}
    name = name_module(module)
    files |= {path for path in (root / "tests").rglob("test_*.py") if name in find_imports(path)}
    return sorted(str(path.relative_to(root)) for path in files)


def name_module(path: str) -> str:
    """Return the dotted name of a module's path: `a/b.py` is `a.b`."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def find_imports(path: Path) -> set[str]:
    """Return the dotted names of what a file imports, anywhere in it; of `from a import b` both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return names


def find_modules_apart(root: Path, module: str, tests: list[str]) -> list[str]:
    """Return what the tests need and what does not need the module, libraries first: it may be loaded before it."""
    files = {name_module(str(path.relative_to(root))): path for path in _python_files(root)}
    imports = {name: _with_packages(find_imports(path) & set(files)) & set(files) for name, path in files.items()}
    reached: set[str] = set()
    waiting = [name_module(test) for test in [*tests, *_find_conftests(root, tests)]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imports[name]
    needing = {name_module(module)}
    while more := {name for name in reached - needing if imports[name] & needing}:
        needing |= more
    libraries = {name for one in reached for name in _find_libraries(files[one])}
    return [*sorted(libraries), *sorted(name for name in reached - needing if name.split(".")[0] in PACKAGES)]


def _find_libraries(path: Path) -> set[str]:
    """The modules of others that are loaded with a file."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name for name in names if name.split(".")[0] not in {*PACKAGES, "tests", "tools", "playbooks"}}


def _python_files(root: Path) -> list[Path]:
    return [path for top in (*PACKAGES, "tests") for path in (root / top).rglob("*.py")]


def _find_conftests(root: Path, tests: list[str]) -> list[str]:
    folders = {folder for test in tests for folder in Path(test).parents}
    return sorted(str(folder / "conftest.py") for folder in folders if (root / folder / "conftest.py").is_file())


def _with_packages(names: set[str]) -> set[str]:
    """Importing `a.b.c` runs `a` and `a.b`, too."""
    return {".".join(parts[: end + 1]) for parts in (name.split(".") for name in names) for end in range(len(parts))}

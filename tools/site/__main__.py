"""Builds the site: `python -m tools.site [FOLDER]`, by default into `build/site`.

Pages are the Markdown files of the project, where they stand, and the reference, made from the code. A broken link or
anchor ends it with an error. Nothing is fetched: fonts are the reader's own, the search and the diagrams come along.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.site.reference import build_reference

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SINGLE = (
    "README.md",
    "README.ja.md",
    "SECURITY.md",
    "stacks/README.md",
    "playbooks/README.md",
    "monitoring/README.md",
    "examples/minato/README.md",
)
"""Pages outside of `docs/`."""


def gather_pages(target: Path) -> None:
    """Put all pages and what they show into a folder, as they stand in the project."""
    shutil.copytree(ROOT / "docs", target / "docs")
    for name in SINGLE:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    (target / "reference").mkdir()
    for name, text in build_reference().items():
        (target / "reference" / name).write_text(text, encoding="utf-8")
    shutil.copytree(HERE / "vendor", target / "vendor")


def build_site(target: Path) -> int:
    """Build the site into a folder; return mkdocs' exit code."""
    with tempfile.TemporaryDirectory(prefix="tsunagu-site-") as folder:
        gather_pages(Path(folder) / "pages")
        shutil.copy(HERE / "mkdocs.yml", folder)
        shutil.copytree(HERE / "theme", Path(folder) / "theme")
        words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)]
        # Says that a later release of its base may differ; this one is pinned.
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        return subprocess.run(words, cwd=folder, env=environment, check=False).returncode  # noqa: S603 our own words


def main() -> int:
    """Build, and say where."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").absolute()
    code = build_site(target)
    if code == 0:
        sys.stdout.write(f"site: {target}/index.html\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

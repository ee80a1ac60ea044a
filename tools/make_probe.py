"""Makes the school's probe: `tsunagu-probe.pyz`, one file for every processor, and the same as a Debian package.

    python -m tools.make_probe --output dist

The bytes follow from the sources alone: no time, no user and no order of a disk is in them.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from controller.probe_agent.version import VERSION, parse_version

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "controller" / "probe_agent"
UNIT = PACKAGE / "tsunagu-probe.service"
USERS = PACKAGE / "tsunagu-probe.sysusers"
NAME = "tsunagu-probe.pyz"
_SHEBANG = b"#!/usr/bin/env -S python3 -I -S\n"
_MAIN = "import sys\n\nfrom controller.probe_agent.command import main\n\nsys.exit(main(sys.argv[1:]))\n"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_FILE, _PROGRAM = 0o644, 0o755
_CONTROL = """\
Package: tsunagu-probe
Version: {version}
Architecture: all
Maintainer: Tsunagu <tsunagu@example.jp>
Depends: python3 (>= 3.11), openssh-client, iperf3
Section: net
Priority: optional
Description: probe of a school's lines
 Measures a school's lines, keeps what it measured while the monitor
 cannot be reached, and renews itself by signed files.
"""
_AFTER = """\
#!/bin/sh
set -e
if command -v systemd-sysusers >/dev/null; then systemd-sysusers tsunagu-probe.conf; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
"""


def build_probe(version: str = VERSION) -> bytes:
    """The bytes of the one file."""
    parse_version(version)
    sources = find_sources()
    files = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in sources}
    mark = f'VERSION = "{VERSION}"\n'
    place = "controller/probe_agent/version.py"
    assert mark in files[place]  # noqa: S101 our own file
    files[place] = files[place].replace(mark, f'VERSION = "{version}"\n')
    files |= {"__main__.py": _MAIN, "version.txt": f"{version}\n"}
    written = io.BytesIO()
    written.write(_SHEBANG)
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as file:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE << 16
            file.writestr(entry, text)
    return written.getvalue()


def find_sources() -> list[Path]:
    """The files of the probe, and of ours what they import: names and units of metrics, which need nothing else."""
    found: set[Path] = set()
    waiting = [*PACKAGE.rglob("*.py")]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [
            one for folder in path.parents if (one := folder / "__init__.py").is_relative_to(ROOT) and one.is_file()
        ]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("controller."):
                waiting.append(ROOT / f"{str(node.module).replace('.', '/')}.py")
    return sorted(found)


def build_package(probe: bytes, version: str = VERSION) -> bytes:
    """The bytes of the Debian package (deb(5)): an `ar` of a format number, what controls it, and the files."""
    control = _pack(
        {"control": (_CONTROL.format(version=version).encode(), _FILE), "postinst": (_AFTER.encode(), _PROGRAM)}
    )
    data = _pack(
        {
            f"usr/lib/tsunagu-probe/{NAME}": (probe, _PROGRAM),
            f"usr/lib/systemd/system/{UNIT.name}": (UNIT.read_bytes(), _FILE),
            "usr/lib/sysusers.d/tsunagu-probe.conf": (USERS.read_bytes(), _FILE),
        }
    )
    parts = {"debian-binary": b"2.0\n", "control.tar.gz": control, "data.tar.gz": data}
    return b"!<arch>\n" + b"".join(_write_member(name, content) for name, content in parts.items())


def _pack(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as archive:
        folders = sorted({str(one) for name in files for one in Path(name).parents})
        for folder in folders:
            entry = tarfile.TarInfo("./" if folder == "." else f"./{folder}/")
            entry.type, entry.mode = tarfile.DIRTYPE, _PROGRAM
            _add(archive, entry, b"")
        for name, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(content), mode
            _add(archive, entry, content)
    return gzip.compress(written.getvalue(), mtime=0)


def _add(archive: tarfile.TarFile, entry: tarfile.TarInfo, content: bytes) -> None:
    entry.uname = entry.gname = "root"
    archive.addfile(entry, io.BytesIO(content))


def _write_member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode("ascii")
    return header + content + b"\n" * (len(content) % 2)


def main(words: list[str]) -> int:
    """Write both files, and say their digests."""
    parser = argparse.ArgumentParser(prog="python -m tools.make_probe")
    parser.add_argument("--output", type=Path, default=Path("dist"))
    wanted = parser.parse_args(words)
    wanted.output.mkdir(parents=True, exist_ok=True)
    probe = build_probe()
    for name, content in ((NAME, probe), (f"tsunagu-probe_{VERSION}_all.deb", build_package(probe))):
        (wanted.output / name).write_bytes(content)
        sys.stdout.write(f"{hashlib.sha256(content).hexdigest()}  {wanted.output / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

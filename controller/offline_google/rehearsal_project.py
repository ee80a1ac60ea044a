"""The project as a rehearsal sees it: the real program, and copies of the stacks' configurations, with their own salt.

The engine writes the salt of its passphrase into a stack's configuration. A rehearsal's passphrase is known to all, so
its salt must never stand in a file that a real deployment reads, nor a real one's secrets provider be asked here.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from controller.inputs.real_path import find_real_path
from controller.offline_google.environment import RehearsalFolder

_OF_A_SECRETS_PROVIDER = re.compile(r"(encryptionsalt|encryptedkey|secretsprovider):")
_SALT = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)


def find_workspace(project: Path, rehearsal: RehearsalFolder) -> Path:
    """Return the folder that a rehearsal of a project works in; where there is no project, the folder itself.

    Then the engine says what is missing.
    """
    return find_real_path(rehearsal.folder) / "project" if (project / "Pulumi.yaml").exists() else project


def prepare_rehearsal_project(project: Path, rehearsal: RehearsalFolder) -> Path:
    """Bring the workspace of a rehearsal to what the project is now, and return it.

    A stack that was rehearsed before keeps its salt: its record there is bound to it.
    """
    folder = find_workspace(project, rehearsal)
    if folder == project:
        return project
    (folder / "config").mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load((project / "Pulumi.yaml").read_text(encoding="utf-8"))
    main, config = settings.get("main", "."), settings.get("stackConfigDir", ".")
    changed = {**settings, "main": str(find_real_path(project / main)), "stackConfigDir": "config"}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    for file in sorted((project / config).glob("Pulumi.*.yaml")):
        copy = folder / "config" / file.name
        before = _SALT.search(copy.read_text(encoding="utf-8")) if copy.exists() else None
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = "".join(line for line in lines if not _OF_A_SECRETS_PROVIDER.match(line))
        copy.write_text(f"{kept.rstrip()}\n{before.group() if before else ''}", encoding="utf-8")
    return folder

"""The files of an access point in a folder, changed by running the commands of a plan in a real shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from controller.platforms.base import Command
from controller.platforms.hostapd.text import FOLDER, MAIN, SECRET_FILE

HEAD = "interface=wlan0\ndriver=nl80211\ncountry_code=JP\nhw_mode=a\nchannel=36\nssid=setup\nstart_disabled=1\n"
"""What an installer leaves: the radio, and a first network that does not send."""
SECRET = 'x&y"\\z'  # noqa: S105 nobody's
"""Characters that a careless script would trip over."""


class AccessPoint:
    """A folder that stands for `/etc/hostapd`; `reloads` counts how often hostapd was told to read it again."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._reloads = place / "reloads"
        self._programs = place / "bin"
        self._files = place / "hostapd"
        self._programs.mkdir()
        self._files.mkdir()
        systemctl = self._programs / "systemctl"
        systemctl.write_text(f'#!/bin/sh\n[ "$*" = "reload hostapd" ] && echo >> {self._reloads}\n', encoding="utf-8")
        systemctl.chmod(0o755)
        (self._files / Path(MAIN).name).write_text(HEAD, encoding="utf-8")
        (self._files / Path(SECRET_FILE).name).write_text(f"{SECRET}\n", encoding="utf-8")

    def run(self, command: Command) -> None:
        """Run a command as the access point's shell would.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        subprocess.run(
            ["/bin/sh", "-ec", command.line.replace(FOLDER, str(self._files))],
            input=(command.stdin or "").encode(),
            env={**os.environ, "PATH": f"{self._programs}:{os.environ['PATH']}"},
            check=True,
            capture_output=True,
        )

    @property
    def reloads(self) -> int:
        """How often hostapd was told to read its files again."""
        return self._reloads.read_text(encoding="utf-8").count("\n") if self._reloads.exists() else 0

    def text(self) -> str:
        """What `tail -n +1` prints of the files."""
        paths = [self._files / Path(MAIN).name, *sorted(self._files.glob("tsn-*.vlan"))]
        return "\n".join(f"==> {FOLDER}/{path.name} <==\n{path.read_text(encoding='utf-8')}" for path in paths)

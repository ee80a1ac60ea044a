"""The files of an access point, changed by what a plan pushes: our second reading of what the command does."""

from __future__ import annotations

from controller.platforms.base import Command

HEAD = (
    "interface=wlan0\ndriver=nl80211\nctrl_interface=/run/hostapd\ncountry_code=JP\nhw_mode=a\nchannel=36\n"
    "ssid=setup\nstart_disabled=1\n"
)
"""What an installer leaves: the radio, and a first network that does not send."""
FOLDER = "/etc/hostapd/"
MAIN = f"{FOLDER}hostapd.conf"


class AccessPoint:
    """The files by their names, and how often hostapd was restarted."""

    def __init__(self, head: str = HEAD) -> None:
        self.files = {MAIN: head}
        self.restarts = 0

    def run(self, command: Command) -> None:
        """Take the one command that there is.

        Raises:
            ValueError: it is another one, or its input is no part of ours.
        """
        pushed = split_files(command.stdin or "")
        if command.line != "replace networks" or next(iter(pushed), "") != MAIN:
            message = f"{command.line!r} is no command of an access point, or its input has no {MAIN}"
            raise ValueError(message)
        kept: list[str] = []
        others = True
        for line in self.files[MAIN].splitlines(keepends=True):
            if line.startswith("bss="):
                others = not line.startswith("bss=tsn-")
            if others:
                kept.append(line)
        files = {name: text for name, text in self.files.items() if not name.startswith(f"{FOLDER}tsn-")}
        self.files = files | pushed | {MAIN: "".join(kept) + pushed[MAIN]}
        self.restarts += 1

    def text(self) -> str:
        """Return what the access point shows: every file under its name."""
        return "\n".join(f"==> {name} <==\n{text}" for name, text in sorted(self.files.items()))


def split_files(text: str) -> dict[str, str]:
    """Return the files of a text by their names, without empty lines."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("==> "):
            name = line.split()[1]
            found[name] = ""
        elif line.strip():
            found[name] += line
    return found

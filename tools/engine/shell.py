"""`make engine-shell`: a shell, or a command, in the environment in which `pulumi` meets the offline Google.

tools/engine/shell.py [COMMAND ...]
"""

from __future__ import annotations

import os
import sys

from controller.cloud.pulumi_engine import STACKS
from controller.errors import CloudError
from controller.offline_google.rehearsal import choose_engine


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 what a person in a terminal reads


def main(command: list[str]) -> int:
    """Make the stacks known to the offline backend, then become the shell; exit code 1 when there is no engine."""
    try:
        engine = choose_engine("lab", _say)
        for stack in STACKS:
            engine.ready(stack, _say)
    except CloudError as error:
        _say(f"engine-shell: {error}")
        return error.exit_code
    if not command:
        _say("engine-shell: OFFLINE, in a copy of the stacks' configurations as they are now")
        _say("engine-shell: Try: pulumi preview --stack lab. Leave with: exit")
        command = [os.environ.get("SHELL") or "/bin/sh"]
    os.chdir(engine.workspace)
    return os.execvpe(command[0], command, dict(engine.environment))  # noqa: S606 a shell is what was asked for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

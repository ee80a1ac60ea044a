"""The user that the controller logs in to switches as, and its keys. The user is marked as the lab's own."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from controller.errors import LabError
from controller.lab.network.programs import SystemUser, run_program
from controller.lab.state import paths

_MARK = "made by 'tsunagu lab up'"
"""In the user's comment field: it outlives the state directory, which a restart of the machine empties."""

_HOME = Path("home")
_ROUTER_GROUPS = ("frr", "frrvty")
"""Whoever is in these may use FRR's shell."""


def check_ssh_user(user: str) -> None:
    """See that the name is free, or a user that the lab itself left.

    Raises:
        LabError: the machine has another user of that name.
    """
    if _find(user) is not None and user not in list_ssh_users():
        message = f"this machine has a user {user!r} that the lab did not make; rename it or remove it first"
        raise LabError(message)


def list_ssh_users() -> list[str]:
    """Every user of this machine that the lab made."""
    return [found.pw_name for found in pwd.getpwall() if found.pw_gecos.startswith(_MARK)]


def is_user_in_the_making() -> bool:
    """Whether a `useradd` of a lab still runs: it goes on when the `up` that started it is killed."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:  # it has ended since
                continue
            if words.startswith(b"useradd\0") and _MARK.encode() in words:
                return True
    return False


def create_ssh_user(user: str, state: Path) -> None:
    """Make the user (again), with an empty home, no password, and two key pairs for the controller.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    if user in list_ssh_users():
        remove_ssh_user(user)
    home = state / _HOME
    # `*` is a password that nobody can type; with none at all useradd locks the user, and sshd lets no key in either.
    settings = ("--system", "--user-group", "--no-create-home", f"--home-dir={home}", "--shell=/bin/sh", "--password=*")
    run_program(("useradd", *settings, f"--groups={','.join(_ROUTER_GROUPS)}", f"--comment={_MARK}", user))
    home.mkdir(mode=0o700)
    found = pwd.getpwnam(user)
    os.chown(home, found.pw_uid, found.pw_gid)
    key = state / paths.CONTROLLER_KEY
    key.parent.mkdir(mode=0o700)
    create_ssh_key(key, "tsunagu-controller")
    create_ssh_key(state / paths.READ_KEY, "tsunagu-controller-reads")


def remove_ssh_user(user: str) -> None:
    """Remove a user that the lab made, after everything in the lab's namespaces has been ended.

    Raises:
        LabError: a program of the machine refused; with its words.
    """
    # Without --force it looks at every process of the machine, and a container's lab may have a user of this number.
    run_program(("userdel", "--force", user))


def create_ssh_key(path: Path, comment: str) -> None:
    """Make an Ed25519 key pair; the private part is readable by root alone."""
    run_program(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)))


def find_ssh_user(user: str) -> SystemUser:
    """The user as programs are run.

    Raises:
        LabError: the machine has no such user.
    """
    found = _find(user)
    if found is None:
        message = f"this machine has no user {user!r}; run 'tsunagu lab down', then 'tsunagu lab up'"
        raise LabError(message)
    return SystemUser(user, grp.getgrgid(found.pw_gid).gr_name)


def _find(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return None

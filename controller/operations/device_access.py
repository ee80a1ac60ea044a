"""How devices are reached over SSH: an access has an id, and the id is all that policies know of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.errors import LoginRefused
from controller.inputs.real_path import find_real_path
from controller.model.policy_bounds import SSH_PORT
from controller.model.sites.devices import Device
from controller.model.yaml_source import StrictModel
from controller.operations.fields import (
    AlgorithmName,
    Argument,
    HostName,
    NamespaceName,
    TrustedPath,
    UserName,
    VariableName,
    expand_home,
)

_INLINE = {
    **dict.fromkeys(
        (
            *("sh", "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "lksh", "mksh", "nu", "posh", "rbash"),
            *("tcsh", "xonsh", "yash", "zsh", "busybox", "toybox"),
        ),
        re.compile(r"-[A-Za-z]*c[A-Za-z]*|--(init-)?command(=.*)?|-C.*"),
    ),
    **dict.fromkeys(("python", "pypy", "ipython", "jython", "expect"), re.compile(r"-[A-Za-z]*c.*")),
    **dict.fromkeys(
        ("perl", "ruby", "raku", "lua", "luajit", "Rscript", "julia"), re.compile(r"-[^-]*[eE].*|--eval.*")
    ),
    **dict.fromkeys(("node", "nodejs", "bun", "deno"), re.compile(r"-[A-Za-z]*[ep].*|--(eval|print)(=.*)?|eval")),
    **dict.fromkeys(("php",), re.compile(r"-[A-Za-z]*[rBRE].*|--(run|process-).*")),
    **dict.fromkeys(("pwsh", "powershell"), re.compile(r"--?[cCeE].*")),
    **dict.fromkeys(("osascript", "guile", "emacs", "gdb"), re.compile(r"--?e.*|-[cx].*")),
    "env": re.compile(r"-[A-Za-z0-9]*S.*|--s.*"),
}
"""By program: the words that make it run another word (or the rest of this one) as its program."""
_AWKS = frozenset({"awk", "gawk", "mawk", "nawk", "original-awk"})
_AWK_FILE = re.compile(r"-[A-Za-z]*f.*|--file(=.*)?")
_RELEASE = re.compile(r"(?<=[A-Za-z])[0-9.]+$")
"""Of a program's name: `python3.11`, `lua5.4`."""
_PATH_START = re.compile(r"(?:(?<![A-Za-z0-9._/~])|(?<=^-[A-Za-z]))(?=~?/)")
"""Where a path begins, at the start of a word or behind a sign or an option: `/x`, `~/x`, `--file=/x`, `-f/x`."""
_SNMP_PORT = 161
_PATH_END = re.compile(r"[\s,:;'\"]")


def _runs_inline_script(command: tuple[str, ...]) -> bool:
    """Tell if a shell or another interpreter is given a script as a word, also behind `env` and the like.

    Only the interpreters of a list: any program may take programs as words.

    >>> _runs_inline_script(("/usr/bin/env", "bash", "-ec", ". /x")), _runs_inline_script(("/bin/sh", "/x", "a"))
    (True, False)
    >>> _runs_inline_script(("/usr/bin/python3.11", "-Ic", "x")), _runs_inline_script(("/usr/bin/awk", "-f", "/x"))
    (True, False)
    """
    for number, word in enumerate(command):
        name, rest = _RELEASE.sub("", word.rpartition("/")[2]), command[number + 1 :]
        inline = _INLINE.get(name)
        if inline and any(inline.fullmatch(one) for one in rest):
            return True
        # The first word of awk is its program, unless a file is named.
        if name in _AWKS and rest and not any(_AWK_FILE.fullmatch(one) for one in rest):
            return True
    return False


class CredentialSource(StrictModel):
    """A secret by reference: exactly one of an environment variable, a file, or a command that prints it."""

    env: VariableName | None = None
    file: TrustedPath | None = None
    command: tuple[Argument, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            message = "name exactly one of env, file, command"
            raise ValueError(message)
        if self.command and not self.command[0].startswith("/"):
            message = "write the command's program with its whole path, from / on"
            raise ValueError(message)
        if self.command and _runs_inline_script(self.command):
            message = "a script within the command cannot be checked; write it into a file of your own, and name that"
            raise ValueError(message)
        return self

    def is_same_source(self, other: CredentialSource) -> bool:
        """Tell if two secrets come from one place: the same words, or files that are one file, also behind links."""
        if self.file is None or other.file is None:
            return self == other
        try:
            return self.file.samefile(other.file)
        except OSError:  # one of them is not there (yet)
            return find_real_path(self.file) == find_real_path(other.file)

    def list_paths(self) -> Iterator[Path]:
        """Yield the files that decide what the secret is: of a command, whatever its words could name."""
        if self.file is not None:
            yield self.file
        for word in self.command or ():
            yield Path("/", word)  # the command runs in /
            for found in _PATH_START.finditer(word):
                rest = word[found.start() :]
                yield expand_home(rest)
                yield expand_home(_PATH_END.split(rest, 1)[0])


class JumpHost(StrictModel):
    """A host that SSH sessions go through; it is logged in to with a key, and its host key is pinned, too."""

    host: HostName
    user: UserName
    key: CredentialSource
    known_hosts: TrustedPath
    port: int = Field(default=SSH_PORT, ge=1, le=65535)


class DeviceLogin(StrictModel):
    """A login on devices beside the one of their access: the one that they are rotated to, or the one before it."""

    user: UserName
    password: CredentialSource


class SnmpAccess(StrictModel):
    """A user of SNMPv3 that proves who he is and encrypts; nothing less is asked. Both passphrases by reference.

    `hash` and `cipher` are what the devices have; `sha1` is for old ones. A passphrase has at least 8 characters.
    """

    user: UserName
    authentication: CredentialSource
    privacy: CredentialSource
    hash: Literal["sha256", "sha512", "sha1"] = "sha256"
    cipher: Literal["aes128", "aes256"] = "aes128"
    port: int = Field(default=_SNMP_PORT, ge=1, le=65535)


class DeviceAccess(StrictModel):
    """How the controller reaches devices over SSH. Exactly one of `key` and `password` changes devices.

    `read_key` is another key, for sessions that only read: devices let it change nothing. `enable` is the secret of
    privileged mode, for devices whose login does not lead there. `known_hosts` is the file of pinned host keys.
    `legacy_algorithms` names old SSH algorithms that these devices need. `namespace` is a Linux network namespace (a
    management VRF) that connections are opened in. `next` is the login that devices are given beside this one, and
    `previous` the one that is taken from them (`tsunagu rotate`): both by password, and of another user. Of an access
    with a key these are `next_key` and `previous_key`, of the same user. `snmp` is who reads their counters.
    """

    user: UserName
    key: CredentialSource | None = None
    password: CredentialSource | None = None
    read_key: CredentialSource | None = None
    enable: CredentialSource | None = None
    known_hosts: TrustedPath
    port: int = Field(default=SSH_PORT, ge=1, le=65535)
    legacy_algorithms: Literal[False] | tuple[AlgorithmName, ...] = False
    jump_host: JumpHost | None = None
    namespace: NamespaceName | None = None
    next: DeviceLogin | None = None
    previous: DeviceLogin | None = None
    next_key: CredentialSource | None = None
    previous_key: CredentialSource | None = None
    snmp: SnmpAccess | None = None

    @model_validator(mode="after")
    def _one_key_rotation(self) -> Self:
        other = self.next_key or self.previous_key
        if self.next_key is not None and self.previous_key is not None:
            message = (
                "next-key and previous-key stand for two steps of a rotation; take previous-key from the devices first"
            )
            raise ValueError(message)
        if other is None:
            return self
        if self.key is None:
            message = "next-key and previous-key are for an access with a key, and this one has none"
            raise ValueError(message)
        if any(one is not None and other.is_same_source(one) for one in (self.key, self.read_key)):
            message = "next-key and previous-key need another source than key and read-key: it would be no other key"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _one_rotation(self) -> Self:
        other = self.next or self.previous
        if self.next is not None and self.previous is not None:
            message = "next and previous stand for two steps of a rotation; take previous from the devices first"
            raise ValueError(message)
        if other is None:
            return self
        if self.password is None:
            message = (
                "next and previous are passwords, and this access has none; keys are rotated by next-key and "
                "previous-key"
            )
            raise ValueError(message)
        if other.user == self.user:
            message = (
                f"next and previous need another user than {self.user}: a device holds one password of a user, so the "
                "old one would be gone before the new one is proved"
            )
            raise ValueError(message)
        if other.password.is_same_source(self.password):
            message = "next and previous need another source than the password of the access: it would be no other one"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.password is None) == (self.key is None):
            message = "name exactly one of key, password"
            raise ValueError(message)
        if self.key is not None and self.read_key is not None and self.read_key.is_same_source(self.key):
            message = "read-key is the key that changes devices; make another one, which they let read only"
            raise ValueError(message)
        return self

    def log_in_as(self, login: DeviceLogin) -> DeviceAccess:
        """Return the same access with another login."""
        own = {"user": login.user, "password": login.password, "read_key": None, "next": None, "previous": None}
        return self.model_copy(update=own)

    def list_paths(self) -> Iterator[Path]:
        """Yield the files that decide how devices are reached."""
        yield self.known_hosts
        others = [one.password for one in (self.next, self.previous) if one is not None]
        others += [one for one in (self.next_key, self.previous_key) if one is not None]
        others += [self.snmp.authentication, self.snmp.privacy] if self.snmp is not None else []
        for source in (self.key, self.password, self.read_key, self.enable, *others):
            if source is not None:
                yield from source.list_paths()
        if self.jump_host is not None:
            yield self.jump_host.known_hosts
            yield from self.jump_host.key.list_paths()


def require_access(access: Mapping[str, DeviceAccess], device: Device) -> DeviceAccess:
    """Return how a device is reached.

    Raises:
        LoginRefused: the operators' file has no access of the id that the policies name.
    """
    found = access.get(device.access)
    if found is None:
        known = ", ".join(sorted(access)) or "none"
        message = (
            f"the policies say that it is reached by the access {device.access!r}; the operators' file has {known}. "
            f"Write access.{device.access} there"
        )
        raise LoginRefused(device.id, message)
    return found

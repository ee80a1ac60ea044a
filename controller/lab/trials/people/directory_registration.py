"""Accounts and devices for the cast, as the city's directory and device management would have them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.cloud.go_build import PROJECT
from controller.errors import LabError, PolicyError
from controller.lab.iap.directory import DeviceCertificate, Directory, DirectoryDevice, DirectoryPerson, SignIn
from controller.lab.trials.people.synthetic_people import SyntheticPerson
from controller.model.yaml_source import read_yaml

KEY = "hwk"
"""A security key: good for every importance class."""


@dataclass(frozen=True, slots=True)
class StackOrganisation:
    """What the city's organisation is called at Google, from the stack's configuration."""

    directory: str
    device_authority: str
    vendor: str
    stack: str

    def group(self, role: str) -> str:
        """The group that the directory puts people of a role into."""
        return f"tsunagu-{self.stack}-{role}@{self.directory}"


def read_stack_organisation(stack: str, project: Path = PROJECT) -> StackOrganisation:
    """The organisation that a stack is configured for.

    Raises:
        LabError: the stack has no configuration here.
    """
    file = project / "stacks" / "config" / f"Pulumi.{stack}.yaml"
    try:
        google = read_yaml(file, str(file)).data["config"]["tsunagu:google"]
        vendor = f"{google['customer'].removeprefix('C')}-{google['device-vendor']}"
        return StackOrganisation(google["directory"], google["device-authority"], vendor, stack)
    except (PolicyError, KeyError, TypeError) as error:
        message = f"{file} does not say what the city's organisation is: {error}"
        raise LabError(message) from None


class RegisteredPeople:
    """The cast with its secrets; these go to the identity provider's file and nowhere else."""

    def __init__(self, cast: Iterable[SyntheticPerson], known: StackOrganisation, groups: frozenset[str]) -> None:
        self._sign_ins: dict[str, SignIn] = {}
        accounts, devices = [], []
        for number, person in enumerate(cast, start=1):
            account = _account(number, person, known, groups)
            device = _device(number, person, known)
            accounts.append(account)
            devices += [device] if device else []
            self._sign_ins[person.row] = SignIn(
                email=account.email,
                password=account.password,
                factor=KEY if person.mfa else "",
                factor_secret=account.factors[KEY] if person.mfa else "",
                device=device.id if device else "",
                device_secret=device.secret if device else "",
            )
        self.accounts = Directory(accounts=tuple(accounts), devices=tuple(devices))

    def sign_in(self, person: SyntheticPerson) -> SignIn:
        """What this person enters."""
        return self._sign_ins[person.row]


def _account(number: int, person: SyntheticPerson, known: StackOrganisation, groups: frozenset[str]) -> DirectoryPerson:
    group = known.group(person.role)
    return DirectoryPerson(
        subject=str(10**20 + number),
        email=f"{person.role}-{number}@{known.directory}",
        # A group that is not deployed is in nobody's directory.
        groups=(group,) if group in groups else (),
        password=secrets.token_urlsafe(18),
        factors={KEY: secrets.token_urlsafe(18)},
    )


def _device(number: int, person: SyntheticPerson, known: StackOrganisation) -> DirectoryDevice | None:
    if person.registered is None:
        return None
    has = person.postures
    certificate = DeviceCertificate(is_valid=True, root_ca_cert_fingerprint=known.device_authority)
    return DirectoryDevice(
        id=f"device-{number}",
        secret=secrets.token_urlsafe(18),
        managed="managed" in has,
        encrypted="encrypted" in has,
        screen_lock="screen-lock" in has,
        system=person.system,
        certificates=(certificate,) if "certificate" in has else (),
        vendors={known.vendor: {"data": {"school": person.registered}}},
    )

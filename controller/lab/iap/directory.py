"""The people and devices that the lab's identity provider knows: what Google's directory and device inventory are.

Secrets are random, live in the state directory (readable by root alone), and are in no output.
"""

from __future__ import annotations

import hmac

from controller.lab.state.layout import Frozen
from controller.model.access.people import OperatingSystem

FACTORS = ("push", "sms", "swk", "hwk", "otp")
"""Second factors by the names that Google's credential strength has: `hwk` is a security key."""


class DeviceCertificate(Frozen):
    """A device's certificate as an inventory knows it: whether it is valid, and the root that it comes from."""

    is_valid: bool
    root_ca_cert_fingerprint: str


class DeviceFacts(Frozen):
    """What the inventory says of a device. What is None or missing is not known.

    `vendors` holds client state that a device management wrote, by vendor.
    """

    id: str
    managed: bool | None = None
    encrypted: bool | None = None
    screen_lock: bool | None = None
    system: OperatingSystem | None = None
    certificates: tuple[DeviceCertificate, ...] | None = None
    vendors: dict[str, dict[str, dict[str, str]]] | None = None


class DirectoryDevice(DeviceFacts):
    """A device with its secret."""

    secret: str


class DirectoryPerson(Frozen):
    """A person: the groups they are in, a password, and a secret for each second factor that they have."""

    subject: str
    email: str
    groups: tuple[str, ...]
    password: str
    factors: dict[str, str]


class Directory(Frozen):
    """All of them."""

    accounts: tuple[DirectoryPerson, ...] = ()
    devices: tuple[DirectoryDevice, ...] = ()


class SignIn(Frozen):
    """What a person enters. Without a factor they sign in with the password alone."""

    email: str
    password: str
    factor: str = ""
    factor_secret: str = ""
    device: str = ""
    device_secret: str = ""


def check_sign_in(known: Directory, given: SignIn) -> dict[str, object] | None:
    """The claims of who signed in; None if anything entered is not right, and it is not said what."""
    account = next((one for one in known.accounts if one.email == given.email), None)
    device = next((one for one in known.devices if one.id == given.device), None)
    right = account is not None and _same(account.password, given.password)
    if given.factor:
        right = right and account is not None and _same(account.factors.get(given.factor, ""), given.factor_secret)
    if given.device:
        right = right and device is not None and _same(device.secret, given.device_secret)
    if account is None or not right:
        return None
    claims: dict[str, object] = {
        "sub": account.subject,
        "email": account.email,
        "groups": list(account.groups),
        "crd_str": {
            "pwd": True,
            "mfa": bool(given.factor),
            **{factor: factor == given.factor for factor in FACTORS},
        },
    }
    if device is not None:
        claims["device"] = device.model_dump(exclude={"secret"}, exclude_none=True)
    return claims


def _same(known: str, given: str) -> bool:
    return bool(known) and hmac.compare_digest(known.encode(), given.encode())

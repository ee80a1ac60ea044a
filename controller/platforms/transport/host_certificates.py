"""SSH host certificates: an authority's signature on a host key, judged as OpenSSH's client does."""

from __future__ import annotations

import base64
from collections.abc import Collection
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)
from paramiko.message import Message

ENDING = "-cert-v01@openssh.com"
_SHA1_SIGNATURES = frozenset({"ssh-rsa", "ssh-dss"})


class CertificateRefused(ValueError):
    """A certificate does not prove the host; the message says why."""


def is_certificate(key_type: str) -> bool:
    """Tell if a host key of this type is a certificate."""
    return key_type.endswith(ENDING)


def read_key_type(blob: bytes) -> str:
    """Return the type that a key's or certificate's bytes begin with; empty where they are none."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", errors="replace") if 0 < length <= len(blob) - 4 else ""


def judge_certificate(blob: bytes, names: Collection[str], now: datetime) -> tuple[bytes, bytes]:
    """Return the host key and the authority's key of a certificate that proves one of these hosts, as bytes.

    Whether the authority is one that is trusted is the caller's question.

    Raises:
        CertificateRefused: it is no host certificate, not valid now, for other hosts, or its signature is wrong.
    """
    certificate = _load(blob)
    if certificate.type is not SSHCertificateType.HOST:
        message = "its certificate is a user's, not a host's"
        raise CertificateRefused(message)
    if certificate.critical_options:
        message = "its certificate has critical options, and none is known for hosts"
        raise CertificateRefused(message)
    moment = int(now.timestamp())
    if not certificate.valid_after <= moment < certificate.valid_before:
        message = "its certificate is not valid now: it is expired, or not valid yet"
        raise CertificateRefused(message)
    principals = {name.decode("utf-8", errors="replace") for name in certificate.valid_principals}
    if not principals.intersection(names):
        message = "its certificate names other hosts" if principals else "its certificate names no host"
        raise CertificateRefused(message)
    return _check_signature(certificate, blob)


def _load(blob: bytes) -> SSHCertificate:
    line = f"{read_key_type(blob)} ".encode() + base64.b64encode(blob)
    try:
        found = load_ssh_public_identity(line)
    except (ValueError, UnsupportedAlgorithm, TypeError, AssertionError) as error:
        message = f"its certificate cannot be read: {type(error).__name__}"
        raise CertificateRefused(message) from None
    if not isinstance(found, SSHCertificate):
        message = "it shows a key where a certificate was agreed on"
        raise CertificateRefused(message)
    return found


def _check_signature(certificate: SSHCertificate, blob: bytes) -> tuple[bytes, bytes]:
    try:
        host, authority = _bytes(certificate.public_key()), _bytes(certificate.signature_key())
        kind = _read_signature_type(blob, authority)
    except (ValueError, UnsupportedAlgorithm, TypeError, AssertionError) as error:
        message = f"its certificate cannot be read: {type(error).__name__}"
        raise CertificateRefused(message) from None
    if kind in _SHA1_SIGNATURES:
        message = "its certificate is signed with SHA-1; have the authority sign it anew"
        raise CertificateRefused(message)
    try:
        certificate.verify_cert_signature()
    except (InvalidSignature, ValueError, TypeError, AssertionError):
        message = "the signature of its certificate is wrong"
        raise CertificateRefused(message) from None
    return host, authority


def _read_signature_type(blob: bytes, authority: bytes) -> str:
    """The algorithm of the signature, which stands behind the authority's key at the end."""
    end = blob.rindex(authority) + len(authority)
    return Message(Message(blob[end:]).get_string()).get_text()


def _bytes(key: object) -> bytes:
    written = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined] # any of its keys
    return base64.b64decode(written.split()[1])

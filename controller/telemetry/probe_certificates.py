"""Certificates of schools' probes, and the office's own authority that signs them; the first enrolment makes it.

The key of the authority is read by enrolling alone. The monitor reads its certificate, and believes no certificate
that its list of enrolled probes does not name: whoever has the key and not the list is let in nowhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.errors import TokenRefused
from controller.storage.file_lock import hold_file_lock
from controller.storage.whole_file import write_whole
from controller.telemetry.writer_tokens import read_private_file

AUTHORITY_FILE = "probe-authority.pem"
VALID = timedelta(days=730)
"""How long a probe's certificate counts; the next enrolment gives another."""
_AUTHORITY_VALID = timedelta(days=20 * 365)
_BEFORE = timedelta(hours=1)
"""A clock that is put right by so much makes no certificate one of the future."""
_AUTHORITY_NAME = "Tsunagu probes"
_MOST_BYTES = 64 * 1024
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProbeCertificate:
    """What a probe shows: `pem` is the certificate and its key, `sha256` of the certificate (DER) names it in lists."""

    pem: str
    sha256: str
    ends_at: datetime


def find_authority_file(enrolments: Path) -> Path:
    """Where the authority's certificate stands: beside the list of enrolled probes; its key is `.key` beside it."""
    return enrolments.with_name(AUTHORITY_FILE)


def load_probe_authority(path: Path) -> x509.Certificate | None:
    """The authority's certificate; None where nobody was enrolled with one.

    Raises:
        TokenRefused: the file is another user's, open to others, or no certificate.
    """
    try:
        content = read_private_file(path, "the authority of the probes", _MOST_BYTES)
    except FileNotFoundError:
        return None
    try:
        return x509.load_pem_x509_certificate(content)
    except (ValueError, UnsupportedAlgorithm):
        message = f"{path}: is no certificate in PEM; {_bring_back(path)}"
        raise TokenRefused(message) from None


def give_certificate(enrolments: Path, school: str, now: datetime) -> ProbeCertificate:
    """Give a school's probe a certificate and a new key, which is kept nowhere here.

    Raises:
        TokenRefused: the authority cannot be used or made, or has ended.
    """
    authority, signing_key = _open_authority(find_authority_file(enrolments), now)
    key = ec.generate_private_key(ec.SECP256R1())
    ends_at = min(now + VALID, authority.not_valid_after_utc)
    made = (
        _begin(school, key, now)
        .issuer_name(authority.subject)
        .not_valid_after(ends_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_allow(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    pem = (made.public_bytes(Encoding.PEM) + _write_key(key)).decode("ascii")
    return ProbeCertificate(pem, hash_certificate(made.public_bytes(Encoding.DER)), made.not_valid_after_utc)


def hash_certificate(der: bytes) -> str:
    """What a certificate is named by in lists: SHA-256 of its DER."""
    return hashlib.sha256(der).hexdigest()


def _open_authority(path: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority and its key; both are made where there is neither."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_file_lock(path.with_name(f".{path.name}.lock"), patience=_PATIENCE_SECONDS):
            certificate = load_probe_authority(path)
            key = _load_authority_key(path.with_suffix(".key"))
            if key is None and certificate is not None:
                message = f"{path.with_suffix('.key')}: the authority's key is missing; {_bring_back(path)}"
                raise TokenRefused(message)
            if key is None:
                key = ec.generate_private_key(ec.SECP256R1())
                write_whole(_write_key(key), path.with_suffix(".key"))
            if certificate is None:
                # Also to a key that stands there alone: whoever was broken off between the two files begins no other.
                certificate = _make_authority(key, now)
                write_whole(certificate.public_bytes(Encoding.PEM), path)
    except OSError as error:
        message = f"{path}: the authority of the probes cannot be made ({error.strerror or error})"
        raise TokenRefused(message) from None
    if certificate.public_key() != key.public_key():
        message = f"{path} and {path.with_suffix('.key')} do not belong together; {_bring_back(path)}"
        raise TokenRefused(message)
    if certificate.not_valid_after_utc <= now:
        message = (
            f"{path}: the authority of the probes ended on {certificate.not_valid_after_utc:%Y-%m-%d}; delete it and "
            "its .key, and enrol every school again"
        )
        raise TokenRefused(message)
    return certificate, key


def _load_authority_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        content = read_private_file(path, "the key of the probes' authority", _MOST_BYTES)
    except FileNotFoundError:
        return None
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = f"{path}: holds no key of an authority of probes; {_bring_back(path)}"
        raise TokenRefused(message)
    return key


def _make_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    return (
        _begin(_AUTHORITY_NAME, key, now)
        .issuer_name(_name(_AUTHORITY_NAME))
        .not_valid_after(now + _AUTHORITY_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_allow(key_cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _begin(name: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _allow(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _bring_back(path: Path) -> str:
    return f"bring {path.name} and its .key back from a backup, or delete both and enrol every school again"

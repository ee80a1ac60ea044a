"""Tokens signed by hand: no library that the monitor judges them with has a part in them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _number(value: int, size: int | None = None) -> str:
    return encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class EllipticSigner:
    """Signs by ES256."""

    algorithm = "ES256"

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self._key = ec.generate_private_key(ec.SECP256R1())

    def show_key(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.kid,
            "x": _number(numbers.x, 32),
            "y": _number(numbers.y, 32),
        }

    def public_pem(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class RsaSigner:
    """Signs by RS256."""

    algorithm = "RS256"

    def __init__(self, kid: str, bits: int = 2048) -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(65537, bits)

    def show_key(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "kid": self.kid, "n": _number(numbers.n), "e": _number(numbers.e)}

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())


Signer = EllipticSigner | RsaSigner


def key_set(*signers: Signer) -> bytes:
    return json.dumps({"keys": [one.show_key() for one in signers]}).encode()


def sign_token(signer: Signer, claims: object, **header: object) -> str:
    """A token; a header field that is None is left out."""
    words = {"alg": signer.algorithm, "typ": "JWT", "kid": signer.kid, **header}
    head = encode(json.dumps({name: value for name, value in words.items() if value is not None}).encode())
    data = f"{head}.{encode(json.dumps(claims).encode())}"
    return f"{data}.{encode(signer.sign(data.encode()))}"


def forge_with_secret(secret: bytes, claims: object, kid: str) -> str:
    """A token that a symmetric key signs, such as an issuer's public one."""
    head = encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode())
    data = f"{head}.{encode(json.dumps(claims).encode())}"
    return f"{data}.{encode(hmac.new(secret, data.encode(), hashlib.sha256).digest())}"


def leave_unsigned(claims: object, kid: str) -> str:
    head = encode(json.dumps({"alg": "none", "typ": "JWT", "kid": kid}).encode())
    return f"{head}.{encode(json.dumps(claims).encode())}."

"""Texts that look drawn by lot and are always the same for the same thing."""

from __future__ import annotations

import base64
import hashlib


def digest(text: str) -> str:
    """A fingerprint, as in an etag."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:9]).decode()


def short(*parts: str) -> str:
    """A short text, as in a generated name."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def unique(text: str) -> str:
    """In the form of a UUID."""
    digits = hashlib.sha256(text.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))

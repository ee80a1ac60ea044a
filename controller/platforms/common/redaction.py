"""Redaction of what others configured, by its name of old; it stands where every device's text comes in."""

from __future__ import annotations

from controller.platforms.device_text.redaction import REDACTED, redact

__all__ = ["REDACTED", "redact"]

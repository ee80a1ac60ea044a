"""Principals of a workforce identity pool: people who sign in at another directory than Google's, such as Entra ID.

Source: Google Cloud documentation, "Principal identifiers" (IAM) and "Workforce identity federation": a pool belongs to
an organisation, its groups are `principalSet://.../group/ID`, its people `principal://.../subject/SUBJECT`.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from controller.inputs.shown_text import shorten_value

WORKFORCE = "iam.googleapis.com/locations/global/workforcePools"
SINGLE_PERSON = "principal://"
_POOL = r"[a-z][a-z0-9-]{4,61}[a-z0-9]"
_ID = r"[A-Za-z0-9._~%@+=:-]{1,127}"
_AT = rf"://{re.escape(WORKFORCE)}/{_POOL}"
PRINCIPAL_PATTERN = rf"^(principalSet{_AT}/group/{_ID}|principal{_AT}/subject/{_ID})$"
_PRINCIPAL = re.compile(PRINCIPAL_PATTERN)


def read_principal(value: object) -> object:
    """Return the text of a group or a person of a workforce identity pool.

    >>> read_principal("principalSet://iam.googleapis.com/locations/global/workforcePools/minato-staff/group/5e1c")
    'principalSet://iam.googleapis.com/locations/global/workforcePools/minato-staff/group/5e1c'

    Raises:
        ValueError: it is neither; everybody of a pool (`/*`) is not taken either.
    """
    if not isinstance(value, str) or not _PRINCIPAL.fullmatch(value) or f"{WORKFORCE}/gcp-" in value:
        shown = shorten_value(value) if isinstance(value, str) else "this"
        message = (
            f"{shown} is no group or person of a workforce identity pool; write "
            f"principalSet://{WORKFORCE}/POOL/group/ID, or principal://{WORKFORCE}/POOL/subject/ID"
        )
        raise ValueError(message)
    return value


WorkforcePrincipal = Annotated[str, BeforeValidator(read_principal), Field(pattern=PRINCIPAL_PATTERN)]
"""A group of a workforce identity pool, or one person of it, as IAM names them."""

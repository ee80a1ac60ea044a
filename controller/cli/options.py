"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_POLICIES = Path("policies")

Policies = Annotated[Path, typer.Option("--policies", help="Folder with the city and its access policy.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

"""Started by the engine: `pulumi preview --policy-pack stacks/guardrails`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from stacks.guardrails.pack import start_policy_pack

start_policy_pack()

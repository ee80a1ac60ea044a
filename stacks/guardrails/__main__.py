"""Started by the engine: `pulumi preview --policy-pack stacks/guardrails`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from stacks.guardrails.checked_stack import StackUnreadable
from stacks.guardrails.pack import start_policy_pack

try:
    start_policy_pack()
except StackUnreadable as error:
    sys.exit(str(error))

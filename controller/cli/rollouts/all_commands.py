"""All commands of `tsunagu rollout`: those that carry out and control one, and those that approve one or lead back."""

from __future__ import annotations

from controller.cli.rollouts.approve import approve_rollout
from controller.cli.rollouts.commands import rollout
from controller.cli.rollouts.undo import undo

__all__ = ["rollout"]

rollout.command("approve")(approve_rollout)
rollout.command("undo")(undo)

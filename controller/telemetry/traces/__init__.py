"""Traces: of a command with its phases, of a rollout, and the links between them."""

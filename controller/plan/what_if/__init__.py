"""Finds the answers that a change of the policy changes."""

"""Findings of `check`: contradictions, rules without effect, expiries, too wide permits."""

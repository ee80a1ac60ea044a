"""Probes: what is sent over a line, and what came back."""

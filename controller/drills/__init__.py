"""Drills: what was lost is brought back on purpose, measured, held against the policy's targets, and kept."""

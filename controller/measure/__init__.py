"""Probes and assessment: what a school's lines really carry, and whether that is what is recommended."""

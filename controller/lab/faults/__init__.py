"""Faults that are put into the virtual city on purpose, and taken out again."""

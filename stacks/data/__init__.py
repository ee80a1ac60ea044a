"""Databases and keys."""

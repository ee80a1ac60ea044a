"""Brings the schools of another system into the city's files: a table, or NetBox."""

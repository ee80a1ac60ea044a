"""Filters of Cloud Logging: their syntax, the fields of a log entry, and regular expressions."""

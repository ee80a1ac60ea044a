"""OTLP as the monitor receives it."""

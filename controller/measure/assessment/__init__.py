"""Measurements against the recommended bandwidth, as values, metrics, documents and tables."""

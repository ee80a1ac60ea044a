"""Reads the sites and devices of a NetBox: by its REST API, bounded, and never more than reading."""

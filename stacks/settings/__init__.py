"""A stack's configuration, names, regions and outputs."""

"""Which packets get from one place to another through all enforcement points."""

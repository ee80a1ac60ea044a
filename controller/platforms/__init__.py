"""One module per network operating system: what it can do, how to render, how to parse back, how to operate it.

A platform is found by its name through the entry-point group `tsunagu.platforms` (see `registry.py`).
"""

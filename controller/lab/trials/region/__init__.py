"""The drill of a lost region: rows written by the proxy into a real pair of databases, whose first region is cut."""

"""A small city to begin with: valid as it is, IPv4 only, one school, each line explained in its file."""

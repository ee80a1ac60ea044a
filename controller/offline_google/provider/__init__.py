"""The offline Google's provider: exact about the schema of the types that it knows."""

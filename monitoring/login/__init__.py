"""Who reads: ways to log in, and what each believes."""

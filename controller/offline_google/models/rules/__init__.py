"""Rules over one resource: what Google's documents say of values beside one another."""

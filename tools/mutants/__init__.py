"""Tries the tests with seeded mutants: small faults put into the code, one at a time; a good test fails for each."""

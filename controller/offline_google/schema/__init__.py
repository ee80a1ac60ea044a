"""The schema of the resource types that are known, and what the real provider checks and fills in by it."""

"""What is tried in the virtual city with real packets, and what came of it."""

"""How the city stands now, and what of it changed."""

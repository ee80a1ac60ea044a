"""How far a city's integration is, as one HTML file for people who decide."""

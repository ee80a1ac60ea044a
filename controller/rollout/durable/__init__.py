"""Rollouts that survive their controller: waves of schools, kept in a database, resumed where they were broken off."""

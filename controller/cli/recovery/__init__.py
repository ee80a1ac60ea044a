"""Commands that bring back what was lost."""

"""Objects of others that change hands by a plan: taken over by their names, and given back."""

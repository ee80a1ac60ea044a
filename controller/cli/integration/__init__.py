"""`tsunagu integrate`: schools go from separate networks to one, and back."""

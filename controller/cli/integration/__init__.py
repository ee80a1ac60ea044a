"""`tsunagu integrate`: schools go from separate networks to one, stage by stage."""

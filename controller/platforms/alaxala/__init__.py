"""AlaxalA box switches (AX2600S, AX3600S)."""

"""Decision diagrams over intervals, and the proof that a filter is what the policy says."""

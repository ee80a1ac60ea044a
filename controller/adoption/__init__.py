"""Taking over a network that runs: what is there, how it maps to the policy, and what would change."""

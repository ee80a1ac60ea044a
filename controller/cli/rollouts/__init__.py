"""`tsunagu rollout`: rollouts that survive their controller."""

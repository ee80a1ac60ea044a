"""The proof that a filter equals its intent, and of every state on the way of a change."""

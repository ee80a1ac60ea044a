"""Whether a filter equals the intent, and every state on the way of a change."""

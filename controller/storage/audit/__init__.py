"""The audit trail: entries that are only added, each with a hash over all before it."""

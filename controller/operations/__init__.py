"""How the controller works and whom it trusts: the operators' file, outside the policy repository."""

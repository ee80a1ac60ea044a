"""Who answers for a plan, and from what it comes: signatures, approvals, the git commit, copies of policies."""

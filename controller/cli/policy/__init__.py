"""Commands about the policy: check, explain, what-if, prove, render."""

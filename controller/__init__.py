"""Tsunagu's controller: one access policy, compiled, proved, applied and measured."""

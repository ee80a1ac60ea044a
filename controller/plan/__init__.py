"""Observe, diff, order, prove, save: a plan is made here and changes nothing."""

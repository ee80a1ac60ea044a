"""Interval decision diagrams, comparison of filters as lists, evaluation of CEL."""

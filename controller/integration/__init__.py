"""Integrating schools (統合): what a change of stage needs, what it does, and the way back."""

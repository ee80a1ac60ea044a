"""What is done with a wave of a rollout: its devices are tried, its end is judged, its gates asked, it is undone."""

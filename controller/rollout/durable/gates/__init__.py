"""Gates: what must hold after a wave of a rollout before the next one begins."""

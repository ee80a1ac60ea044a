"""How a probe renews itself: a signed file, two slots, and a trial that must report before it counts."""

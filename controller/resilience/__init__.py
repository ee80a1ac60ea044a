"""What measures and applies: lines that fail over, drills."""

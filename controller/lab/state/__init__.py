"""What the virtual city keeps of itself: its layout, its processes, what is to be undone."""

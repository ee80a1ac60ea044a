"""`make demo`: the main job on the virtual city, by the same commands that a user types, in chapters."""

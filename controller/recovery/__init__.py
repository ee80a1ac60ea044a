"""What brings back what was lost: backups of the controller, a dead device from its last state, drills of both."""

"""What the offline Google holds and how its resources hang together; what it does not model it refuses."""

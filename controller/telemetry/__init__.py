"""What happened, as traces; through one seam that anyone can listen at."""

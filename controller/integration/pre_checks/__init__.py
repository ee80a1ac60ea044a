"""What must be so before a school changes its stage: each asked by itself, and passed only by what was seen."""

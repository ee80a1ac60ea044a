"""What single services of Google's refuse: one service a file, each with the pages that say so."""

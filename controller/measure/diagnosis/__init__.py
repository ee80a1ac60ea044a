"""From what was measured and read to the part of the network that is at fault, or to "not told apart"."""

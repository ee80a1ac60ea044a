"""Rules that are learnt from the access lists of a running device, and their proof."""

"""What platforms with line-based configurations share: the block reader, access lists and switches as data, steps."""

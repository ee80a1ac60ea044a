"""Format numbers of files, and the way from an older format to the one of today."""

"""From a folder of YAML to a City, with every error at its file and line."""

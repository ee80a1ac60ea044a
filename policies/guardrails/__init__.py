"""The Pulumi policy pack: what no stack of the city may break, whoever wrote it."""

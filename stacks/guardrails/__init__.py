"""The Pulumi policy pack: rules that no stack of the city may break, whoever wrote it."""

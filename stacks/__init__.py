"""The cloud of a city's schools: Pulumi components, one module per concern. `__main__` puts them together."""

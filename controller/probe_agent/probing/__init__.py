"""How a probe measures: echoes, a name, a page, throughput."""

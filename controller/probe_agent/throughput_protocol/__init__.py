"""What both ends of a test of throughput over HTTPS share: who may test, what the kernel counts, what the rate is."""

"""The nouns: the city, its access policy, packets, device states; loading, and the reference evaluator."""

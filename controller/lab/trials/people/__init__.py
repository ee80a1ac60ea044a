"""People of the virtual city at its applications, by real HTTPS: who is let in, who is not, and by which part.

The network part is judged by a connection from the host that they sit at, the identity part by what the proxy answers.
What is expected comes from the reference evaluator alone. `tsunagu lab people` shows it.
"""

"""The configuration of a virtual Catalyst: what it holds, how it is written, entered and carried out."""

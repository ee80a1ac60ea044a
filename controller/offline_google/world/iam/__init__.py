"""Who may be named in a binding, and with what roles."""

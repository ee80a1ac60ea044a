"""`tsunagu rotate`: the logins of devices."""

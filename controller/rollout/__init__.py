"""A saved plan, carried out: the device step, waves of schools, and an end that is always one of five."""

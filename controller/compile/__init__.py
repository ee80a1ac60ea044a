"""City -> Intent: what each device must enforce, and the state that it is wanted in."""

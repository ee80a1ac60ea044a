"""The stack that stands before all others: where their state is kept, and who may deploy them."""

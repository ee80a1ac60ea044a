"""Which school changes its stage in which week: in vacations only, and only so many a week."""

"""The guideline of the ministry, checked clause by clause."""

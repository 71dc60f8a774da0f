"""Tools that work on a column of any table."""

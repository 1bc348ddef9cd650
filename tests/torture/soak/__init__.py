"""A day of a large installation in an hour: see __main__.py."""

"""A Python client of the dashboard's API."""

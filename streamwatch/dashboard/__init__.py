"""The analysts' dashboard: a web application over Redis, the channels and the document store."""

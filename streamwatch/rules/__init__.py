"""Rules: which series are watched, how sensitively, and what their alerts are told with. The file, and its history."""

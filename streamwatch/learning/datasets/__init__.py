"""Labelled data by name: a small YAML file says what a data set's labels mean, whose it is, and how much it counts."""

"""Retraining: what people answered goes into a new model, and what the old one knew stays in it."""

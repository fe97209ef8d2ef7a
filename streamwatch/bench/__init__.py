"""Benchmarks that an operator can run: each figure beside a peer of the same run."""

"""Whether a candidate may take the incumbent's place: measured on both, told in one report."""

"""Sequential detectors, one series at a time, each with a state of constant size that goes to bytes and back."""

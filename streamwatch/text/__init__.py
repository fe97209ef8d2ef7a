"""What is done to a text before anything else sees it: normalise, redact, mask, and hash."""

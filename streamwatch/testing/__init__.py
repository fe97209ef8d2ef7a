"""What tests need: an in-memory store under the same contract as Redis."""

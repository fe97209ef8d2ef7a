"""Other models for single tasks: any Hugging Face sequence classifier in place of a head of ours, joined to one engine."""

"""A file of documents through windows and detectors in virtual time: what would have been told."""

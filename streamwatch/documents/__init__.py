"""The documents themselves: redacted texts with their labels, kept for people who look behind a number.

Redis holds counts and the evidence of alerts. What a person reads behind a point of a trend is in a store of this room:
`store` says what a store is, `sqlite` keeps one on disk, `indexer` fills it from `classified`.
"""

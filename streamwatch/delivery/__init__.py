"""How every document is counted once: what may be released (ledger), and what may be counted (fence)."""

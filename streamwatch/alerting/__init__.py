"""From closed buckets to alerts: one voice a text, a test a series, an episode's life, and what an alert shows."""

"""The forms in which documents go to people outside of streamwatch, and come back: Label Studio, JSON lines, CSV."""

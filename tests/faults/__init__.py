"""Crashes, wipes, zombies and outages: what is counted must equal what was sent."""

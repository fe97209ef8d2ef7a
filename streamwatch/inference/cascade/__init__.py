"""A first stage that answers the texts it is sure of, so that the trunk computes the others only."""

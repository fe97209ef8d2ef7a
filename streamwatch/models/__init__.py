"""What a model is made of: the pinned encoder, the adapter with its manifest, and the network that joins them."""

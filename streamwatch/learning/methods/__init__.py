"""What of the encoder moves in training, one way a file; `choose.network_to_train` picks the plan's."""

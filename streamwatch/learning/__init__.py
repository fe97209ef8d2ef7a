"""Teaching the model: recipes of labelled files, training, calibration, and the adapter that comes of it."""

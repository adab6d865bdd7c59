"""Network architectures: `build_*` functions that return a Keras model."""

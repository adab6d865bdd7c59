"""The life of a training run, the same for every method: start reading at `run.train`."""

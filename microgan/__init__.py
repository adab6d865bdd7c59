"""Restore microscope images when almost no training data exists.

Importing the package loads neither Keras nor TensorFlow: they cost seconds, and
`--help` or a mistaken flag needs neither.
"""

__version__ = "0.1.0"

__all__ = ["__version__", "load_restorer"]


def load_restorer(path, *, precision="auto", tile=None, test_time_augmentation=None):
    """Load a trained generator as a function from image to restored image.

    The same as `microgan.restoration.restorer.load_restorer`, which documents it;
    Keras and TensorFlow are imported by this call.
    """
    from microgan.restoration import restorer

    return restorer.load_restorer(path, precision=precision, tile=tile,
                                  test_time_augmentation=test_time_augmentation)

"""The methods that microgan is compared with: as published, on microgan's data and splits.

Each is one file, written against the protocol `microgan.runs.method.Method`, and a program:
`python -m benchmarks.rivals.care --help`.
"""

from microgan.runtime.startup import import_tensorflow_quietly

import_tensorflow_quietly()  # the modules import Keras themselves

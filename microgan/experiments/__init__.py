"""The one place that turns a config into data, networks, trainer and a run folder."""

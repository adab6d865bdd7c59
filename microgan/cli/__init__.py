"""The command line: flags to config fields, nothing else."""

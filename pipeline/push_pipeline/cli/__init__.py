"""The command line, `push-pipeline`: a module for each group of commands, nothing else here.

These modules import only what `--help` needs; a command imports what it works with.
"""

from push_pipeline.cli.root import main

__all__ = ["main"]

"""The command line, `push-pipeline`: a module for each group of commands, nothing else here."""

from push_pipeline.cli.root import main

__all__ = ["main"]

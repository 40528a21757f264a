"""The whole pipeline in one process, with a clock and providers of its own, driven from a seed."""

"""The shop's tables; those of the pipeline have a history of their own."""

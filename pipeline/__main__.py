"""`python -m pipeline`: the same as `push-pipeline`."""

from pipeline.cli import main

if __name__ == "__main__":
    main()

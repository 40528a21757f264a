"""`python -m push_pipeline`: the same as `push-pipeline`."""

from push_pipeline.cli import main

if __name__ == "__main__":
    main()

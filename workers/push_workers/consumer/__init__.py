"""What this release changes in Celery's consumer: its transport, dead letters, fork, counts."""

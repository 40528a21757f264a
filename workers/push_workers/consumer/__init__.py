"""What this release changes in Celery's consumer: its transport, its dead letters, its fork."""

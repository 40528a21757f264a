"""FCM: Android, reached through Google."""

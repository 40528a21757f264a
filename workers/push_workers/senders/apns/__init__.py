"""APNs: iOS and macOS, reached through Apple."""

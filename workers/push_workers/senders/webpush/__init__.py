"""Web Push: browsers, reached through the push service that each of them chose."""

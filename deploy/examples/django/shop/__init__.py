"""A small shop that tells its buyers when an order is paid."""

"""What the processes of a machine count, each for itself, and who is scraped adds up."""

"""What is on the Docker host: which image somebody means, who uses it, what was before it."""

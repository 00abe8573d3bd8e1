"""The life of a command: its stages, what follows from what, and the durable work between them."""

"""Access: who may do what, and where."""

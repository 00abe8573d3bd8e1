"""Registries, asked directly: what a name stands for there, without pulling anything."""

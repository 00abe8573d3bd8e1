"""The room as its users see it from a terminal."""

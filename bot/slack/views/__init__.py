"""Dialogs as Block Kit: one pure function each, values in, blocks out."""

"""The shapes of Block Kit, as strict as Slack takes them: no unknown keys, no empty texts, every limit kept.

The limits are those of Slack's reference pages on blocks, block elements and composition objects.
"""

"""The meaning of the slash commands: what is asked for, what would be done, and doing it. Knows nothing of Slack."""

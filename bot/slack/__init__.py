"""Slack: input (listeners, payloads), output (channel), and appearance (views)."""

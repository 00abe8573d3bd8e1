"""Slack: what comes in (listeners, payloads), what goes out (channel), and how it looks (views)."""

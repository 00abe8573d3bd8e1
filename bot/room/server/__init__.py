"""The room as a server: Slack's protocol for the bot, a page and an API for people."""

"""The conversation: Slack, reviews, jobs and rooms around the commands."""

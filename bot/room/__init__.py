"""A war room of our own: a small server that speaks Slack's protocol on loopback, and the client that drives it."""

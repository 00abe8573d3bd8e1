"""Docker: what the commands ask of a daemon, and the one module that talks to it."""

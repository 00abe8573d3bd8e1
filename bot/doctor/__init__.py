"""The checks of `warroom check`: one line for each requirement of the bot, each with a timeout."""

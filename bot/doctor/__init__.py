"""What `warroom check` looks at: one line for each thing that the bot needs, none of them waited for for ever."""

"""The sub-commands of `warroom`, one module each; each imports its dependencies only when it runs."""

"""The sub-commands of `warroom`, a module each: what one needs is imported when it runs."""

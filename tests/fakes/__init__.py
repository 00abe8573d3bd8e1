"""Stand-ins for what is outside of the program; each passes the contract suite of what it stands for."""

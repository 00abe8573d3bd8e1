"""What is asked for in Python and OS packages: resolving it to exact versions and hashes."""

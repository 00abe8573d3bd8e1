"""Whether there is something newer than what is on the host: registries are asked, rebuilds are tried on paper."""

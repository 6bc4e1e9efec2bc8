"""The files that masks are written to: a file and an entry of the registry for each kind."""

"""The only doors to the outside: files, processes, git, clock, terminal, interpreters."""

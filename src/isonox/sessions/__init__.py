"""What happens inside a session: the wrapper, installs, the declared environment, the record; and loading noxfiles."""

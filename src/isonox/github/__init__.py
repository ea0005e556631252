"""GitHub workflows: what isonox writes, how GitHub would run them, and the gate."""

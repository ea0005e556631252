"""What the repository is: its configuration, its packages, how they depend on each other, and its lock."""

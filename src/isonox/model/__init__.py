"""Frozen data: what every layer talks about. Imports nothing of isonox but errors."""

"""Adds up what is on the counter."""

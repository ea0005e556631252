"""The stages that every Python team has: one call each, with keyword options."""

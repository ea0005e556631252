"""What people and programs read of a plan and of a run."""

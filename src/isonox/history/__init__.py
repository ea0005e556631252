"""What earlier runs teach: durations for the schedule."""

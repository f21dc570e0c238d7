"""What is measured: functions that get ready off the clock and return the work to time."""

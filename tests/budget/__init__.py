"""Random schedules of instances that spend one day's ceiling: what is paid never exceeds it."""

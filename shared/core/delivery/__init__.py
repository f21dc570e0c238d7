"""The decisions of one delivery: the journal, retries, the pace, the day's ceiling, stopping."""

"""How right results are: measures of results against a labelled set, and what chance leaves of their differences."""

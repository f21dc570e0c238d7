"""What operators do by hand: `python -m shared.operate COMMAND`. Nothing here is part of a function."""

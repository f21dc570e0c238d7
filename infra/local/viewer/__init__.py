"""What the page can do in a local stack, besides showing: upload, hear of everything at once, act, and break things."""

"""One image event, step by step: lease, inputs, ask, send, commit, park."""

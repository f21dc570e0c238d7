"""Every command of every page but the README's, run in the order of its page against a stack of its own."""

"""The page and the viewer, broken on purpose: each test in the browser must see it, where it should."""

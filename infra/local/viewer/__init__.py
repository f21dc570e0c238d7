"""The page that shows what the stack sees: drop images in, watch events arrive, look at what was found."""

"""The page that shows images and what was found in them: of a local stack, or read-only of a deployment."""

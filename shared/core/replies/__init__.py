"""Replies: from a model's text to boxes, masks, labels and words, of which nothing is invented."""

"""Crowds of uploads of few contents: each content is paid for once, and nothing is left when all is forgotten."""

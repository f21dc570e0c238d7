"""What tasks share: their type, prompts, the request of an event, pieces of response schemas and of reading."""

"""What is known of Gemini: its models, prices, tokens and requests, and how images travel to it."""

"""Emulators of three Google services: the Gemini API, Cloud Storage and Pub/Sub."""

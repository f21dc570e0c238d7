"""A Cloud Storage emulator: the JSON API, the bits of the XML API that clients use, and object events."""

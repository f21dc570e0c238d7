"""What the emulators share: planned faults, their control API, and how a service is served."""

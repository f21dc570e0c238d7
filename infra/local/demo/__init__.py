"""The demo: real photographs through the whole chain, and what comes out."""

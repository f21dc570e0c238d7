"""Load: many uploads through the local stack, and a simulation of it and of what is deployed."""

"""Implementations of the ports in `shared.core.ports`; SDKs are imported inside constructors."""

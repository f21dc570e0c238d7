"""The local stack: the whole of Uplook on one machine, over real sockets, without an account or a key."""

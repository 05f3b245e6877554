"""A worker's connections: the protocol's state machine, its sockets, and the thread that joins them."""

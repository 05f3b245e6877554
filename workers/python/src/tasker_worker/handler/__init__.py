"""Runs attempts: which handler, in which thread, loop or process, and how each one ended. Knows nothing of sockets."""

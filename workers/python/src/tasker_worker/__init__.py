"""Runs the steps of Tasker's tasks in Python. Handlers are tested with `tasker_worker.testing`."""

"""The small run and copies of it, for tests that rerun, kill and edit it."""

from support.small_run import finished, fresh, project, unrun

__all__ = ["finished", "fresh", "project", "unrun"]

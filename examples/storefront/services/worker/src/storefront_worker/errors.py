"""What can go wrong in the worker."""


class WorkerError(Exception):
    """A file or queue that the worker needs is missing or wrong."""

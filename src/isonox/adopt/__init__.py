"""Start a pipeline in a repository that has none."""

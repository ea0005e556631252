"""Run a plan here: a pure scheduler, an executor of real nox children, and the loop between them."""

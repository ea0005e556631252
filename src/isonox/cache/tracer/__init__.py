"""The folder that is put on the PYTHONPATH of what a session runs: Python then imports `sitecustomize` from here."""

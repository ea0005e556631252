"""The folder that is put on pytest's PYTHONPATH: it finds `isonox_pytest` here, where isonox is not installed."""

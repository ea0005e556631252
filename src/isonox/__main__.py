"""`python -m isonox`."""

from isonox.entry import main

if __name__ == "__main__":  # what a session starts by multiprocessing imports this
    main()

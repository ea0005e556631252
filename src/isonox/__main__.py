"""`python -m isonox`."""

from isonox.entry import main

main()

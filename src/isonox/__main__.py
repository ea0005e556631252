"""`python -m isonox`."""

import sys

from isonox.cli import main

sys.exit(main())

"""`python -m isonox`."""

import sys

from isonox.entry import main

sys.exit(main())

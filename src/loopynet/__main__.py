"""`python -m loopynet`: the same as the `loopynet` command."""

import sys

from loopynet.cli.main import main

sys.exit(main())

"""`python -m pellucid_cli` is the same as `pellucid`."""

import sys

from pellucid_cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m ami_reactor` is `ami-reactor`."""

from . import main

main()

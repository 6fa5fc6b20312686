"""`python -m rimlight` is the command `rimlight`."""

from rimlight.cli import main

main()

"""`python -m graincast`: the command, from a checkout that is not installed."""

from graincast.command import main

if __name__ == "__main__":
    main()

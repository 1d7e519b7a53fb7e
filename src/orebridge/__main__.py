"""`python -m orebridge`: the command line where no script is on the path."""

from orebridge.cli import main

if __name__ == "__main__":
    main()

"""The way in: `orebridge` and `python -m orebridge`. Apart from the command line so that Ctrl-C is heard while it loads."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from orebridge.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("orebridge: stopped.\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()

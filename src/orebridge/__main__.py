"""The way in: `orebridge` and `python -m orebridge`. Apart from the command line so that Ctrl-C is heard while it loads."""

import sys

from orebridge.stopping import ctrl_c_heard, stop_if_interrupted


def main() -> None:
    """Run the command line."""
    with ctrl_c_heard():
        try:
            try:
                from orebridge.cli import main as run
            except Exception:
                stop_if_interrupted()
                raise
            stop_if_interrupted()
        except KeyboardInterrupt:
            sys.stderr.write("orebridge: stopped.\n")
            sys.exit(130)
        run()


if __name__ == "__main__":
    main()

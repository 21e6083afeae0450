"""``python -m platoscope``: the command line, for interpreters whose scripts are not on the path."""

from __future__ import annotations

from platoscope.cli import main

if __name__ == "__main__":
    main()

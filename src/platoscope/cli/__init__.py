"""The command ``platoscope``; one file per command, and no science."""

from __future__ import annotations

from platoscope.cli.app import main

__all__ = ["main"]

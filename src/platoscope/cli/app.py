"""The command line: which commands there are, and what every error becomes."""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platoscope.cli.cache import cache
from platoscope.cli.compare import compare
from platoscope.cli.data import data
from platoscope.cli.doctor import doctor
from platoscope.cli.extract import extract
from platoscope.cli.figures import figures
from platoscope.cli.models import models
from platoscope.cli.options import in_options
from platoscope.cli.output import USERS_TO_MEND, sentence
from platoscope.cli.plan import plan
from platoscope.cli.reproduce import reproduce
from platoscope.cli.run import run
from platoscope.cli.store import store
from platoscope.cli.studies import studies
from platoscope.cli.verdicts import verdicts
from platoscope.cli.verify import verify
from platoscope.cli.view import view
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

_ANYWHERE = ("--debug", "--verbose")

app = typer.Typer(
    name="platoscope",
    help="How well does one representation predict another, layer by layer, and in which direction?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run)
app.command("studies")(studies)
app.command("verdicts")(verdicts)
app.command("figures")(figures)
app.command("view")(view)
app.command("reproduce")(reproduce)
app.command("verify")(verify)
app.add_typer(data, name="data")
app.command("models")(models)
app.command("extract")(extract)
app.command("compare")(compare)
app.command("plan")(plan)
app.add_typer(store, name="store")
app.add_typer(cache, name="cache")
app.command("doctor")(doctor)


def _print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        sys.stdout.write(f"platoscope {importlib.metadata.version('platoscope')}\n")
        raise typer.Exit


@app.callback()
def _every_command(
    context: typer.Context,
    *,
    debug: Annotated[  # read by `main`, which sees errors that no command survives
        bool,
        typer.Option("--debug", envvar="PLATOSCOPE_DEBUG", help="Also show the traceback of an error."),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            envvar="PLATOSCOPE_VERBOSE",
            help="One line per finished stage on stderr where it is no terminal.",
        ),
    ] = False,
    version: Annotated[  # its callback does the work
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Read the options of every command."""
    context.obj = {"verbose": verbose, "debug": debug}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        0 when it worked, 1 when the reader of a pipe went away or a bug showed itself, 2 for everything
        that a user can put right, 130 when interrupted.
    """
    given = _globals_first(list(sys.argv[1:] if arguments is None else arguments))
    debug = "--debug" in given or os.environ.get("PLATOSCOPE_DEBUG", "") not in ("", "0")
    # A notebook hands its own backend to what it starts, which Matplotlib refuses where its package is not
    # installed; files are all that is drawn here.
    os.environ["MPLBACKEND"] = "agg"
    _write_anywhere()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            _refuse_empty(given)
            return _run_app(given)
        except BrokenPipeError:
            _silence_stdout()  # the reader (`head`) has enough
            return 1
        except USERS_TO_MEND as error:
            if debug:
                traceback.print_exception(error)
            said = in_options(sentence(error), given, _options_of(given))
            sys.stderr.write(f"platoscope: {said}\n")
            _silence_stdout()
            return 2


def _refuse_empty(arguments: Sequence[str], /) -> None:
    """Refuse an empty value, as a variable of the shell that is not set gives: as a path it would be the current folder.

    Raises
    ------
    InputError
        If there is one.
    """
    for before, argument in itertools.pairwise(["", *arguments]):
        option, equals, value = argument.partition("=")
        named = option.startswith("--") and equals and not value
        if named or not argument:
            what = option if named else f"what follows {before}" if before.startswith("--") else "an argument"
            message = f"{what} is empty; give a value, or leave it out. Is a variable of the shell not set?"
            raise InputError(message)


def _run_app(given: list[str], /) -> int:
    """Run the command; what it printed has left the process when this returns, so that an error of that is seen."""
    code = 0
    try:
        app(given, prog_name="platoscope")
    except SystemExit as end:
        code = _code(end)
    sys.stdout.flush()
    return code


def _options_of(arguments: Sequence[str], /) -> list[str]:
    """Return the options of the command that was called."""
    command = typer.main.get_command(app)
    for argument in arguments:
        command = getattr(command, "commands", {}).get(argument, command)
    return [option for parameter in command.params for option in parameter.opts if option.startswith("--")]


def _write_anywhere() -> None:
    """Let output go to whatever stands behind it: a file in cp1252, an ASCII terminal, nothing at all.

    What an encoding has no sign for is written as its number, as Python does on stderr.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller, as `>&-` does
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Send what is still to be flushed nowhere: Python would complain of it again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _globals_first(arguments: list[str], /) -> list[str]:
    """Move the options of every command to the front, so that they may stand anywhere on the line."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    moved = [argument for argument in arguments[:end] if argument in _ANYWHERE]
    return moved + [argument for argument in arguments[:end] if argument not in _ANYWHERE] + arguments[end:]


def _code(end: SystemExit, /) -> int:
    """Return the exit code of what Typer ended, and say after an interruption how to go on."""
    code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    if code == 130:  # Typer turns KeyboardInterrupt into this code
        sys.stderr.write("\nplatoscope: interrupted. The same command goes on where this one stopped.\n")
    return code


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # the signature is that of `warnings.showwarning`
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """Write a warning as a sentence; its place in the source says nothing to a user."""
    sys.stderr.write(f"warning: {message}\n")

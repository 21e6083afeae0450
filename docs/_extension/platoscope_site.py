"""What the site adds to Sphinx: contents, commands and public names from the program, notebooks to take home."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_cache import get_cache
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["setup"]

# The first page reads on GitHub as it is; the site gets its contents from here.
CONTENTS = {
    "Start": ["tutorial"],
    "How to": [
        "in-hand",
        "howto/arrays",
        "howto/models",
        "howto/modules",
        "howto/activations",
        "howto/large-models",
        "howto/checkpoints",
        "howto/measure",
        "howto/cluster",
        "howto/object-store",
        "figures",
        "studies",
    ],
    "Explanation": [
        "explanation/imbalance",
        "explanation/spaces",
        "explanation/uncertainty",
        "explanation/gain",
        "explanation/differences",
        "explanation/baselines",
        "explanation/dimension",
        "explanation/weights",
        "explanation/predictability",
        "explanation/pitfalls",
        "explanation/frequencies",
        "explanation/scales",
        "measures",
    ],
    "Reference": [
        "data",
        "models",
        "store",
        "cli",
        "reference/commands",
        "reference/api",
        "reference/files",
        "testing",
    ],
    "What came out": [
        "gallery",
        "reproduce",
        "run-all",
        "verdicts",
        "reliability",
        "architectures",
        "performance",
    ],
    "Inside": ["design"],
}

NOTEBOOK = re.compile(r"\A---\n(?:.*\n)*?file_format: mystnb\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what this file has."""
    app.add_directive("platoscope-commands", Commands)
    app.add_directive("platoscope-names", Names)
    app.connect("source-read", complete_page)
    app.connect("env-updated", complete_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def complete_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the first page the contents of the site, and a notebook the link to itself as executed."""
    if docname == "index":
        trees = [
            "```{toctree}\n:hidden:\n:caption: " + caption + "\n\n" + "\n".join(pages) + "\n```"
            for caption, pages in CONTENTS.items()
        ]
        source[0] += "\n" + "\n\n".join(trees) + "\n"
    if NOTEBOOK.match(source[0]):
        name = Path(docname).name
        source[0] += f"\n---\n\nThis page as a notebook, as it was run: {{nb-download}}`{name}.ipynb`\n"


def complete_notebooks(app: Sphinx, _env: BuildEnvironment) -> None:
    """Put what cells gave into the notebooks that were not run this time: MyST-NB writes these as they are read."""
    cache = get_cache(app.config.nb_execution_cache_path)
    for path in (Path(app.outdir).parent / "jupyter_execute").rglob("*.ipynb"):
        with contextlib.suppress(KeyError):  # a notebook of another site that is built beside this one
            _, merged = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
            nbformat.write(merged, path)


class Commands(SphinxDirective):
    """Every command with its arguments and options, as the program has them."""

    def run(self) -> list[nodes.Node]:
        """Describe all of them."""
        import typer

        from platoscope.cli.app import app as program

        lines = "\n\n".join(describe_command(typer.main.get_command(program), "platoscope"))
        return self.parse_text_to_nodes(lines, allow_section_headings=True)


def describe_command(command: Any, name: str) -> Iterator[str]:
    """Write a command, and those below it, as Markdown."""
    below = getattr(command, "commands", {})
    options = [each for each in command.params if each.param_type_name == "option"]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    yield f"## {name}"
    yield inspect.cleandoc(command.help or "")
    usage = " ".join([name, *(each.metavar or each.name.upper() for each in arguments), "[OPTIONS]"])
    yield f"```text\n{usage}{' COMMAND' if below else ''}\n```"
    rows = [(f"`{each.metavar or each.name.upper()}`", each.help) for each in arguments]
    rows += [(spelled(each), each.help) for each in options]
    yield "\n".join(
        ["| Option | What it does |", "| --- | --- |", *(f"| {a} | {cell(b or '')} |" for a, b in rows)]
    )
    for each, sub in below.items():
        yield from describe_command(sub, f"{name} {each}")


def spelled(option: Any) -> str:
    """Write how an option is spelled, and its default and variable if it has them."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    variable = f" (`{option.envvar}`)" if option.envvar else ""
    default = option.default
    plain = not callable(default) and default not in (None, False, ()) and not option.hidden
    return f"{names}{variable}{f' = `{default}`' if plain else ''}"


def cell(text: str) -> str:
    """Write a text into a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


class Names(SphinxDirective):
    """The names of ``platoscope`` itself, each with the page of the part that it comes from."""

    def run(self) -> list[nodes.Node]:
        """Write a table of them."""
        import platoscope

        rows = []
        for name in platoscope.__all__:
            thing = getattr(platoscope, name)
            summary = (inspect.getdoc(thing) or "").splitlines()[0]
            target = f"platoscope.{name}" if inspect.ismodule(thing) else f"{home_of(thing, name)}.{name}"
            rows.append(f"| {{py:obj}}`platoscope.{name} <{target}>` | {cell(summary)} |")
        return self.parse_text_to_nodes("\n".join(["| Name | What it is |", "| --- | --- |", *rows]))


def home_of(thing: Any, name: str) -> str:
    """Find the public module that a name of the package comes from."""
    module: str = thing.__module__
    part = ".".join(module.split(".")[:2])
    return part if name in importlib.import_module(part).__all__ else module

"""``platoscope store ls|info|verify|rm``: the representations on disk."""

from __future__ import annotations

from typing import Annotated

import typer

from platoscope.cli.options import AsJson, Store  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import in_words, print_json, print_table, print_text

__all__ = ["store"]

store = typer.Typer(no_args_is_help=True, help="List, check and remove representations on disk.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="A key, or its first characters.")]

_SHORT = 12


@store.command("ls")
def list_representations(*, store: Store = None, as_json: AsJson = False) -> None:
    """List what is there: one line per model and side of a data set."""
    from platoscope.representations import list_store
    from platoscope.wording import in_bytes

    records = list_store(store)
    if as_json:
        print_json(records)
        return
    rows = [
        (
            record.key[:_SHORT],
            record.model,
            record.data,
            record.n_layers,
            f"{record.n_items:,}",
            in_bytes(record.size),
            ", ".join(
                array.pooling if array.complete else f"{array.pooling} ({array.done_items}/{array.n_items})"
                for array in record.arrays
            ),
        )
        for record in records
    ]
    print_table(("key", "model", "data", "layers", "items", "size", "poolings"), rows)


@store.command("info")
def info(key: Key, *, store: Store = None, as_json: AsJson = False) -> None:
    """Show all that is known of one: model, data, versions, how it was extracted."""
    from platoscope.representations import info as read_info
    from platoscope.wording import in_bytes

    record = read_info(store, key)
    if as_json:
        print_json(record)
        return
    rows: list[tuple[str, object]] = [
        ("key", record.key),
        ("model", record.model),
        ("data", record.data),
        ("created", record.created),
        ("layers", record.n_layers),
        ("items", record.n_items),
        ("size", in_bytes(record.size)),
    ]
    rows += [
        (f"pooling {array.pooling}", f"shape {array.shape}, {array.done_items} of {array.n_items} items")
        for array in record.arrays
    ]
    for section, values in record.attributes.items():
        if isinstance(values, dict):
            rows += [(f"{section}: {name}", in_words(value)) for name, value in values.items()]
    print_table(("what", "value"), rows)


@store.command("verify")
def verify(
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Only this one.", show_default=False)
    ] = None,
    *,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Check every checksum; what is damaged or unfinished is named, and the exit code is 2."""
    from platoscope.representations import list_store
    from platoscope.representations import verify as find_problems

    problems = find_problems(store, key)
    if as_json:
        print_json(problems)
    elif problems:
        rows = [
            (
                problem.key[:_SHORT],
                problem.pooling or "all",
                "all" if problem.unit is None else problem.unit,
                len(problem.items),
                problem.reason,
            )
            for problem in problems
        ]
        print_table(("key", "pooling", "unit", "items", "problem"), rows)
        if any(problem.unit is not None for problem in problems):
            print_text(
                "\nThe extraction that made them computes missing and damaged units again, and only these."
            )
    elif key is None and not list_store(store):
        print_text("There is no group in this store, so that nothing was checked.")
    else:
        print_text("Everything is whole.")
    if problems:
        raise typer.Exit(2)


@store.command("rm")
def remove(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys, or their first characters.")],
    *,
    store: Store = None,
) -> None:
    """Remove representations."""
    from platoscope.representations import info as read_info
    from platoscope.representations import remove as remove_group
    from platoscope.wording import in_bytes

    # All are looked up before the first is removed: a mistyped key removes nothing.
    for key in [read_info(store, key).key for key in keys]:
        record = remove_group(store, key)
        print_text(f"removed {record.key[:_SHORT]} ({record.model}, {record.data}, {in_bytes(record.size)})")

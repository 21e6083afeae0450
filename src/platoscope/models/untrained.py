"""The names of models without training: ``untrained(SEED):NAME`` is NAME with random weights.

What is shared by representations that nothing has trained is shared by the architecture, the tokenizer and the texts. So
an untrained model is what a trained one is held against, under the same options and on the same items.
"""

from __future__ import annotations

import re

from platoscope.checks import in_short, whole_number, word
from platoscope.errors import InputError

__all__ = ["split_untrained", "trained_name", "untrained_name"]

_LARGEST_SEED = 2**31 - 1
_BEGINS = re.compile(r"untrained\s*[(:]")
_NAME = re.compile(r"untrained\((0|[1-9][0-9]{0,9})\):(.+)", re.DOTALL)


def untrained_name(model: str, seed: int, /) -> str:
    """Name a model with random weights in the place of its trained ones.

    Parameters
    ----------
    model : str
        A name that `platoscope.models.load_model` reads: bundled, of the hub, a folder or a ``.gguf`` file.
    seed : int
        Of the weights, 0 or more.

    Returns
    -------
    str
        A name that `load_model`, `extract`, `compare_models`, studies and the command line read like any other.

    Raises
    ------
    InputError
        If the seed is none, or the model is untrained already.

    Examples
    --------
    >>> untrained_name("gemma-3-270m", 1)
    'untrained(1):gemma-3-270m'
    """
    seed = whole_number("seed", seed, low=0, high=_LARGEST_SEED)
    if split_untrained(model)[1] is not None:
        msg = f"{in_short(model)} is untrained already; give the name of the trained model"
        raise InputError(msg)
    return f"untrained({seed}):{model}"


def split_untrained(model: str, /) -> tuple[str, int | None]:
    """Split a name into that of the trained model and the seed of random weights; None where it is the trained one.

    Parameters
    ----------
    model : str
        Name of a model.

    Raises
    ------
    InputError
        If the name begins like that of an untrained model and does not go on like one. A path that does so is written
        with ``./`` before it.

    Examples
    --------
    >>> split_untrained("untrained(1):gemma-3-270m"), split_untrained("gemma-3-270m")
    (('gemma-3-270m', 1), ('gemma-3-270m', None))
    """
    word("name of a model", model)
    if not _BEGINS.match(model):
        return model, None
    found = _NAME.fullmatch(model)
    if found is None or int(found[1]) > _LARGEST_SEED or _BEGINS.match(found[2]):
        msg = (
            "the name of an untrained model is untrained(SEED):NAME, such as untrained(0):gemma-3-270m, with a seed "
            f"from 0 to {_LARGEST_SEED}; got {in_short(model)}"
        )
        raise InputError(msg)
    return found[2], int(found[1])


def trained_name(model: str, /) -> str:
    """Give the name of the trained model: of one that is, its own.

    Examples
    --------
    >>> trained_name("untrained(1):gemma-3-270m")
    'gemma-3-270m'
    """
    return split_untrained(model)[0]

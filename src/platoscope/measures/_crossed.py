"""The error of a mean over a table of which some rows and some columns were drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CrossedError", "CrossedSums"]


class CrossedError(NamedTuple):
    """Variance of the mean of a table, by what was drawn; the sum is that of both."""

    of_rows: float
    """What other rows would change, with columns and rows together."""
    of_columns: float
    """What other columns would change by themselves."""


@dataclass(frozen=True, eq=False)
class CrossedSums:
    """Sums over the drawn part of a table of n_all rows and n_all columns, added up from pieces of rows.

    With rows i and columns l drawn independently, each without replacement, the mean over the drawn part has

        Var = f_n S_R² + f_M S_C² + f_n f_M S_RC²,    f_n = 1/n − 1/N,  f_M = 1/M − 1/N

    with S_R², S_C² and S_RC² the variances of row effects, column effects and of what is left in the whole table (Cornfield
    and Tukey, Ann. Math. Stat. 27 (1956) 907). Those of the drawn part estimate them: the expectation of s_R² is
    S_R² + f_M S_RC², that of s_C² is S_C² + f_n S_RC², and that of s_RC² is S_RC², so that

        f_n s_R² + f_M (s_C² − f_n s_RC²)

    is unbiased. Its second term is what columns add; where chance makes it negative it counts as 0.
    """

    n_all: int
    rows: npt.NDArray[np.float64] = field(repr=False)
    """Mean of each drawn row, shape (n_rows,)."""
    columns: npt.NDArray[np.float64] = field(repr=False)
    """Sum of each drawn column, shape (n_columns,)."""
    squares: npt.NDArray[np.float64] = field(repr=False)
    """Sum of all squares, shape (1,)."""

    @classmethod
    def empty(cls, n_all: int, n_rows: int, n_columns: int, /) -> CrossedSums:
        """Return sums of nothing yet."""
        return cls(n_all, np.zeros(n_rows), np.zeros(n_columns), np.zeros(1))

    def add(self, start: int, piece: npt.NDArray[np.floating], /) -> None:
        """Add the rows from `start` on, shape (any, n_columns)."""
        self.rows[start : start + len(piece)] = piece.mean(axis=1, dtype=np.float64)
        self.columns[:] += piece.sum(axis=0, dtype=np.float64)
        self.squares[0] += float(np.einsum("ij,ij->", piece, piece, dtype=np.float64))

    def error(self) -> CrossedError:
        """Return the variance of the mean; nothing is left of it where every row and every column was drawn."""
        n, m = len(self.rows), len(self.columns)
        of_rows, of_columns = 1 / n - 1 / self.n_all, 1 / m - 1 / self.n_all
        columns = self.columns / n
        mean = float(self.rows.mean())
        left = self.squares[0] - m * (self.rows @ self.rows) - n * (columns @ columns) + n * m * mean**2
        interaction = max(0.0, float(left)) / ((n - 1) * (m - 1))
        by_columns = float(columns.var(ddof=1)) - of_rows * interaction
        return CrossedError(of_rows * float(self.rows.var(ddof=1)), of_columns * max(0.0, by_columns))

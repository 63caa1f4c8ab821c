"""The equation of an `EinsumDense` layer, read as a matrix between in axes and out axes of its kernel."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from overparam_tf.errors import InputError

_FORMS = re.compile(r"(\.{3})?([a-zA-Z]+)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]+)(\.{3})?")


@dataclass(frozen=True)
class EinsumEquation:
    """The letters of ``inputs,kernel->outputs``, without ellipses, and on which side the ellipsis stands.

    Each letter of the kernel is either one of the inputs, and summed over, or one of the outputs. So the kernel is
    a matrix from its in axes to its out axes, in the order in which it has them.

    Example:
        >>> equation = EinsumEquation.parse("...de,dhe->...h")
        >>> equation.in_axes, equation.out_axes
        ('de', 'h')
        >>> equation.into_hidden, equation.out_of_hidden
        ('...de,dea->...a', '...a,ah->...h')
    """

    inputs: str
    kernel: str
    outputs: str
    left: str = ""  # "..." or nothing
    right: str = ""

    @classmethod
    def parse(cls, equation: str) -> EinsumEquation:
        """Read an equation; `InputError` if it is none, or if its kernel is not a matrix from in to out axes."""
        match = _FORMS.fullmatch(equation) if isinstance(equation, str) else None
        if match is None or match[1] != match[5] or match[3] != match[7] or (match[1] and match[3]):
            raise InputError(
                "Expected an equation of the form X,Y->Z, ...X,Y->...Z or X...,Y->Z.... "
                f"Received: equation={equation!r}"
            )
        self = cls(match[2], match[4], match[6], match[1] or "", match[3] or "")
        for letters in (self.inputs, self.kernel, self.outputs):
            if len(set(letters)) < len(letters):
                raise InputError(
                    f"Expected no letter twice in one term. Received: equation={equation!r}"
                )
        for letter in self.kernel:
            if (letter in self.inputs) == (letter in self.outputs):
                raise InputError(
                    "Expected every axis of the kernel in either the inputs or the outputs, as only then the kernel "
                    f"is a matrix that can be split. Received: equation={equation!r}, with axis {letter!r} in "
                    f"{'both' if letter in self.inputs else 'neither'}"
                )
        if not (self.in_axes and self.out_axes):
            raise InputError(
                "Expected an axis of the kernel in the inputs and one in the outputs, as a matrix has. "
                f"Received: equation={equation!r}"
            )
        return self

    @property
    def in_axes(self) -> str:
        """Letters of the kernel that are summed over."""
        return "".join(letter for letter in self.kernel if letter in self.inputs)

    @property
    def out_axes(self) -> str:
        """Letters of the kernel that go into the output."""
        return "".join(letter for letter in self.kernel if letter in self.outputs)

    @property
    def into_hidden(self) -> str:
        """The equation of the first of several factors: in axes become one hidden axis, the last."""
        hidden = self._hidden()
        left, right = self._around(self.inputs), self._around(self._carried() + hidden, last=True)
        return f"{left},{self.in_axes}{hidden}->{right}"

    @property
    def out_of_hidden(self) -> str:
        """The equation of the last of several factors: the hidden axis becomes the out axes."""
        hidden = self._hidden()
        left = self._around(self._carried() + hidden, last=True)
        return f"{left},{hidden}{self.out_axes}->{self._around(self.outputs)}"

    def sizes(
        self, input_shape: Sequence[int | None], output_shape: Sequence[int | None]
    ) -> dict[str, int | None]:
        """Return the size of every letter, from the shapes of a whole input and output."""
        sizes = {}
        for letters, shape in ((self.inputs, input_shape), (self.outputs, output_shape)):
            named = shape[len(shape) - len(letters) :] if self.left else shape[: len(letters)]
            sizes.update(zip(letters, named, strict=True))
        return sizes

    def bias_shape(
        self, bias_axes: str, sizes: dict[str, int | None], elided: int
    ) -> tuple[int, ...]:
        """Return the shape `EinsumDense` gives its bias: from the first bias axis on, 1 along the other axes."""
        first = min(self.outputs.index(letter) for letter in bias_axes)
        shape = tuple(
            sizes[letter] if letter in bias_axes else 1 for letter in self.outputs[first:]
        )
        return shape + (1,) * (elided if self.right else 0)

    def _hidden(self) -> str:
        used = self.inputs + self.kernel + self.outputs
        return next(letter for letter in string.ascii_letters if letter not in used)

    def _carried(self) -> str:
        return "".join(letter for letter in self.inputs if letter in self.outputs)

    def _around(self, letters: str, last: bool = False) -> str:
        # The hidden axis stays last also where the ellipsis stands on the right.
        if last:
            return f"{self.left}{letters[:-1]}{self.right}{letters[-1]}"
        return f"{self.left}{letters}{self.right}"

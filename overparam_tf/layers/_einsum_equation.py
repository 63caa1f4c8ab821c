"""The equation of an `EinsumDense` layer, read as a matrix between the axes of its kernel."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overparam_tf.errors import InputError, input_error

_FORMS = re.compile(r"(\.{3})?([a-zA-Z]+)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]+)(\.{3})?")


@dataclass(frozen=True)
class EinsumEquation:
    """The letters of `inputs,kernel->outputs`, and the side on which an ellipsis stands.

    Each letter of the kernel is either one of the inputs, and summed over, or one of the outputs.
    So the kernel is a matrix from its in axes to its out axes, in the order in which it has them.

    Attributes:
        inputs: Letters of the input, without the ellipsis; as the next two.
        kernel: Letters of the kernel.
        outputs: Letters of the output.
        left: "..." if the ellipsis stands on the left, else "".
        right: "..." if the ellipsis stands on the right, else "".

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
    left: str = ""
    right: str = ""

    @classmethod
    def parse(cls, equation: str) -> EinsumEquation:
        """Return the equation that a text holds.

        Raises:
            InputError: If it holds none, or the kernel is not a matrix from in to out axes.
        """
        match = _FORMS.fullmatch(equation) if isinstance(equation, str) else None
        if match is None:
            raise _not_of_the_form(equation)
        left, inputs, right, kernel, out_left, outputs, out_right = match.groups(default="")
        if (left, right) != (out_left, out_right) or (left and right):
            raise _not_of_the_form(equation)
        for letters in (inputs, kernel, outputs):
            if len(set(letters)) < len(letters):
                raise input_error("no letter twice in one term", equation=equation)
        for letter in kernel:
            if (letter in inputs) == (letter in outputs):
                raise InputError(
                    "Expected every axis of the kernel in either the inputs or the outputs, since "
                    "only then the kernel is a matrix that can be split. "
                    f"Received: equation={equation!r}, with axis {letter!r} in "
                    f"{'both' if letter in inputs else 'neither'}"
                )
        parsed = cls(inputs, kernel, outputs, left, right)
        if not (parsed.in_axes and parsed.out_axes):
            raise input_error(
                "an axis of the kernel in the inputs and one in the outputs, as a matrix has",
                equation=equation,
            )
        return parsed

    @property
    def in_axes(self) -> str:
        """Return the letters of the kernel that are summed over."""
        return "".join(letter for letter in self.kernel if letter in self.inputs)

    @property
    def out_axes(self) -> str:
        """Return the letters of the kernel that are in the output."""
        return "".join(letter for letter in self.kernel if letter in self.outputs)

    @property
    def to_matrix(self) -> str:
        """Return the equation that brings the axes of the kernel into the order of the matrix."""
        return f"{self.kernel}->{self.in_axes}{self.out_axes}"

    @property
    def from_matrix(self) -> str:
        """Return the equation that brings the axes of the matrix into the order of the kernel."""
        return f"{self.in_axes}{self.out_axes}->{self.kernel}"

    @property
    def into_hidden(self) -> str:
        """Return the equation of the first of several factors: in axes become one hidden axis.

        The hidden axis is the last one of its output.
        """
        hidden = self._hidden()
        left, right = self._around(self.inputs), self._around(self._carried() + hidden, last=True)
        return f"{left},{self.in_axes}{hidden}->{right}"

    @property
    def out_of_hidden(self) -> str:
        """Return the equation of the last of several factors: the hidden axis becomes out axes."""
        hidden = self._hidden()
        left = self._around(self._carried() + hidden, last=True)
        return f"{left},{hidden}{self.out_axes}->{self._around(self.outputs)}"

    def sizes(
        self, input_shape: Sequence[int | None], output_shape: Sequence[int | None]
    ) -> dict[str, int | None]:
        """Return the size of every letter, from the shapes of a whole input and output."""
        sizes: dict[str, int | None] = {}
        for letters, shape in ((self.inputs, input_shape), (self.outputs, output_shape)):
            named = shape[len(shape) - len(letters) :] if self.left else shape[: len(letters)]
            sizes.update(zip(letters, named, strict=True))
        return sizes

    def bias_shape(self, bias_axes: str, sizes: Mapping[str, int], elided: int) -> tuple[int, ...]:
        """Return the shape that `EinsumDense` gives its bias.

        It begins at the first bias axis of the output, and is 1 along the other axes.

        Args:
            bias_axes: Letters of the output, at least one.
            sizes: Size of each of these letters.
            elided: Number of axes that the ellipsis stands for.
        """
        first = min(self.outputs.index(letter) for letter in bias_axes)
        shape = tuple(
            sizes[letter] if letter in bias_axes else 1 for letter in self.outputs[first:]
        )
        return shape + (1,) * (elided if self.right else 0)

    def _hidden(self) -> str:
        used = self.inputs + self.kernel + self.outputs
        return next(letter for letter in string.ascii_letters if letter not in used)

    def _carried(self) -> str:
        """Return the letters that the input and the output share."""
        return "".join(letter for letter in self.inputs if letter in self.outputs)

    def _around(self, letters: str, last: bool = False) -> str:
        # The hidden axis stays last also where the ellipsis stands on the right.
        if last:
            return f"{self.left}{letters[:-1]}{self.right}{letters[-1]}"
        return f"{self.left}{letters}{self.right}"


def _not_of_the_form(equation: object) -> InputError:
    return input_error(
        "an equation of the form X,Y->Z, ...X,Y->...Z or X...,Y->Z...", equation=equation
    )

"""Characters of the documentation that ships with Python, as a text to learn."""

from __future__ import annotations

import string
from pydoc_data.topics import topics

import numpy as np

# What else occurs in the text is read as a space.
CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " \n"
HELD_OUT = 0.1  # of the text, its end


def documentation() -> str:
    """Return the help texts of Python's own documentation, topic after topic."""
    return "\n".join(topics[name] for name in sorted(topics))


def encoded(text: str) -> np.ndarray:
    """Return a text as the numbers of its characters, int32.

    Example:
        >>> encoded("ab\\N{BULLET}a").tolist() == [0, 1, CHARACTERS.index(" "), 0]
        True
    """
    numbers = {character: number for number, character in enumerate(CHARACTERS)}
    space = numbers[" "]
    return np.array([numbers.get(character, space) for character in text], np.int32)


def sequences(numbers: np.ndarray, length: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of characters, one behind the other, and for each the character after it.

    Args:
        numbers: The encoded text.
        length: Characters of a sequence.
        most: The most sequences.

    Returns:
        Inputs and labels, both (sequences, length).

    Example:
        >>> x, y = sequences(np.arange(8), length=3, most=9)
        >>> x.tolist(), y.tolist()
        ([[0, 1, 2], [3, 4, 5]], [[1, 2, 3], [4, 5, 6]])
    """
    count = min((len(numbers) - 1) // length, most)
    x, y = numbers[: count * length], numbers[1 : count * length + 1]
    return x.reshape(count, length), y.reshape(count, length)


def text_rows(
    length: int, most: int, most_test: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return training and test sequences; the test's are the end of the text."""
    numbers = encoded(documentation())
    first_test = int(len(numbers) * (1 - HELD_OUT))
    training = sequences(numbers[:first_test], length, most)
    return training, sequences(numbers[first_test:], length, most_test)

"""Standard output without a reader or without the letters costs a run nothing."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from experiments.harness.output import forgiving_output


def test_letters_that_an_encoding_lacks_are_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with contextlib.redirect_stdout(stream), forgiving_output():
        print("λ é \udce9")
    stream.seek(0)
    assert stream.read() == "\\u03bb é \\udce9\n"


def test_after_the_reader_is_gone_nothing_is_written(capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream, contextlib.redirect_stdout(stream), forgiving_output():
        for _ in range(3):
            print("a line", flush=True)
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_is_said_once(capsys):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with contextlib.redirect_stdout(Full()), forgiving_output():
        print("a line")
        print("another")
    assert capsys.readouterr().err == "Cannot write to standard output: No space left on device\n"
    assert not isinstance(sys.stdout, Full)

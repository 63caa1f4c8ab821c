"""Run the board from the command line."""

from experiments.board.config import Config
from experiments.harness.command_line import run_program

run_program("board", Config, "experiments.board.command", start="run_with")

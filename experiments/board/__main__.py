"""Run the board from the command line."""

from experiments.board.command import main

main()

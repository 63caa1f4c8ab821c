"""The plateau of the two-example toy: where depth's acceleration comes from, and how much of it there is.

Two labels of unequal size under l_p, p > 2: the large one dictates the rate, the small one then crawls.
`experiments.two_examples` derives why depth helps. Here it is measured, for every y1/y2 (y2 = 1), p and depth:
the steps until both errors are below the target, at the best fixed rate of a grid, at the best of a much finer
grid, and at the best of the rates up to which the loss never rises.

    python -m experiments.plateau
"""

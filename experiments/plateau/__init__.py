"""Where does the acceleration by depth come from, and how large is it? The two-example toy.

Two labels of unequal size under l_p, p > 2: the large one limits the learning rate, and the small
one then makes slow progress, a plateau. `experiments.harness.two_examples` derives why depth
helps. Here it is measured, for every y1/y2 (with y2 = 1), p and depth: the steps until both
errors are below the target, at the best fixed rate of a grid, at the best rate of a much finer
grid, and at the best of the rates up to which the loss never rises.

    python -m experiments.plateau
"""

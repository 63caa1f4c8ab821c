"""How much does depth speed training up, with which optimizer, and how far down?

The question that the 2019 team left open. Every optimizer at depth 1 to 4 (and the end-to-end rule
at fractional depths) trains on the ethanol data under l_p: a coarse grid of learning rates finds
the neighbourhood of the best one, a fine grid of ten rates a decade is then trained from several
seeds. Reported is the number of steps until the excess loss over the convex floor has fallen to a
share of its start, at the best rate, as a ratio to depth 1 of the same optimizer, with a bootstrap
interval over seeds. At the end the time of a step is measured; it gives the ratio in time.

    python -m experiments.speedup
"""

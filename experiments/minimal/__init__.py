"""The paper's main effect on one page: linear regression learns faster with its one layer made two.

Write the weights w of linear regression as a product, w = F_1 F_2, of a column F_1 and a number
F_2. The model can express nothing new and its loss is no longer convex; yet in the same number of
steps plain gradient descent on F_1 and F_2 reaches a lower loss than on w, and than AdaGrad, which
was made to accelerate. On the product a small step of gradient descent acts as

    w <- w - eta |w| (g + Pr_w g),    g = dL/dw,    Pr_w g its projection onto w:

a learning rate that adapts, small near zero where the l_4 loss is steep and larger later, and more
of it along the direction in which training has moved so far, like momentum. No regularizer does
that (experiments.no_regularizer).

Arora, Cohen and Hazan, ICML 2018. Every setting of the full experiment:
experiments.optimizer_compare.

    python -m experiments.minimal
"""

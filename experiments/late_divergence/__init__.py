"""Late divergence: why is the run that reads best at 200,000 steps NaN at 600,000, and what helps?

Gradient descent at the rate eta contracts along an eigenvector of the Hessian only while its
eigenvalue is below 2 / eta. The l_4 loss gets flatter as the errors shrink, so at depth 1 a rate
that survives the first steps survives. On a product of N factors the Hessian is scaled by
|K|^(2-2/N) (`overparam_tf.dynamics.sharpness`), and |K| grows as long as training goes on. Here the
largest eigenvalue, |K|, the effective rate |K|^(2-2/N) and the balance of the factors are measured
up to the blow-up, and at its last steps one by one. Then the same run is repeated with half the
rate, with decaying rates, with the gradient's norm clipped, and with the rate capped by the
sharpness.

    python -m experiments.late_divergence
"""

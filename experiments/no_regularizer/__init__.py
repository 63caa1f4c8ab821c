r"""Theorem 2: can a regularizer do what depth does? No.

Gradient descent on a regularised loss follows a gradient field, whose integral along any closed
curve is 0. The end-to-end rule of depth N follows

    F(w) = |w|^(2-2/N) (g(w) + (N-1) Pr_w g(w)),    g the gradient of the loss.

Along the closed curve of the paper's proof (out along g(0), between circles of radius r and R) the
integral of F for a linear loss is 2 |g| (N-1)(N-2) / (N (3-2/N)) R^(3-2/N) as r -> 0: not 0 for
N > 2. For any other loss the quotient of the two tends to 1 as R -> 0. Both are checked by
quadrature, for linear losses, the l_4 loss of a two-example toy and that of the data.

And N = 2? For a linear loss F is then a gradient field, along every curve and in any dimension:

    grad(|w|^a <w, g>) = |w|^a (g + a Pr_w g) = F    if a = 2-2/N = N-1: for N = 1 and 2 alone.

Other losses have no such potential: with a Hessian H, the Jacobian of F at N = 2 gains
|w| (I + Pr_w) H, which is symmetric only where H and Pr_w commute. So the curl (the antisymmetric
part of the Jacobian) is measured too, at random points.

    python -m experiments.no_regularizer
"""

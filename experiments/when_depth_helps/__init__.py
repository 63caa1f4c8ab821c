"""When does depth help? The speed-up of depth 2 over problems of chosen difficulty.

Regression problems are generated with a chosen condition number, kurtosis of the label, and
alignment of the label with the leading directions (`overparam_tf.datasets.synthetic_regression`).
On each, gradient descent at depth 1 and at depth 2 brings the loss above the certified convex floor
down to a tenth and to a hundredth of that of the zero kernel. The speed-up is the quotient of the
steps they take, each at the best rate of its own grid. Rates are counted in units of each problem's
and depth's stability (`depth_scan.Task.rates`), so that both grids are equally wide and fine.

Both depths start from the same kernel, each entry N(0, 0.01^2), split into balanced factors as in
depth_compare. The seed draws problem and start. The measured data are tested in the same way and
marked in the diagram.

At p = 2 the steps depend on second moments alone, which no kurtosis changes: one column of the
diagram stands for all.

    python -m experiments.when_depth_helps
"""

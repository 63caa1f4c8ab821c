"""Contestants of `experiments.step_cost`: one way each to take full-batch steps of the paper's problem.

Each module is a worker, a process of its own that `experiments.step_cost_workers` starts and talks to. It is started as
`python -m peers.with_NAME` from the folder `experiments`, with relative imports only: by way of the package
`experiments` every worker would load TensorFlow, and its memory and start-up would count for PyTorch's or JAX's.
"""

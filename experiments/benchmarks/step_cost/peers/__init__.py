"""The contestants of `step_cost`: each one way to take full-batch steps of the paper's problem.

Each module `with_*` is a worker, a separate process that `step_cost.worker_process` starts and
talks to. It is run as `python -m peers.with_*` from the folder above, with relative imports only:
to import the package `experiments` loads TensorFlow, and its memory and start-up would count for
PyTorch or JAX.
"""

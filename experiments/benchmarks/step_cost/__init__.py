"""What does a step of the paper's problem cost: in our sweep, its peers, at the machine's limits?

Every contestant is a process. All are alive at once, and in each round each in turn takes steps for
a moment while the others sleep, so that whatever slows the machine down slows all of them. Ratios
are taken within rounds. After the same number of steps from the same start at the same rate all
must have reached the same loss. A second part measures how a step of the sweep scales with each
size of the problem. README.md beside this file has what was measured, and what was tried.

    pip install '.[bench]'   # JAX, PyTorch, numba; what is not installed is reported as missing
    python -m experiments.benchmarks.step_cost
"""

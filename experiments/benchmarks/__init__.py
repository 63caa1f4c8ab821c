"""How fast everything is: a step of a sweep, a factorised layer, the training loop, the logging."""

"""The cost of everything: a step of a sweep, a layer, the training loop, logging, devices."""

"""The code that the experiments share: command line, options, sweeps, results, figures."""

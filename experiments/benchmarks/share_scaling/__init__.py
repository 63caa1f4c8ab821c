"""How well does `speedup` scale over machines? Simulated from the seconds of shares that were run.

Run some shares, one core each, for example

    taskset -c 0 python -m experiments.speedup --name shares --share 500/1000

and then

    python -m experiments.benchmarks.share_scaling --name shares --whole NAME --start-up 12

Each sweep of a share has noted its processor's time. A model of four terms is fitted to them: of
each sweep, of each of its variants (both mostly compiling), of each run and step, and of each
multiply-add. It gives the time of every share of any number of machines, with the numbers of fine
runs that the whole run NAME had. The efficiency is the time of one machine over that of all
machines until the last has finished.
"""

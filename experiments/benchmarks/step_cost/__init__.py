"""What a step of the paper's problem costs: our sweep, its peers, and the limits of the machine, side by side.

Every contestant is a process; all are alive at once, and in each round every one in turn takes steps for a moment
while the others sleep, so that whatever slows the machine down slows all of them. Ratios are taken within rounds. After
the same number of steps from the same start at the same rate, all must have come to the same loss.

    pip install '.[bench]'   # JAX, PyTorch, numba; what is not there is reported as missing
    python -m experiments.benchmarks.step_cost

What was tried to make the pass over the data cheaper. Least processor time of a step on 2565 x 128, depth 1, two cores
of an AMD EPYC at work for others too, contestants in turn (a row is one sitting; compare within rows only):

- One run, both orders of x kept 38.0 us; one copy, rows along memory 34.4 (kept), its columns first 35.6, only the
  transposed copy 35.5, `matvec` 34.9; JAX scan 33.6.
- Two runs, both orders 62 us; one copy 105, 89 or 97. Four: 78; 123, 98 or 117. Eight: 132; 177 or 172. So one copy is
  for a single vector only, where the compiler has a kernel of its own.
- Rows padded to a multiple of 8, 16, 32, 64, one run: 33.6, 34.3, 34.6, 36.4 us. Thirty runs, padded to 1, 16, 32,
  64: 430, 426, 434, 434 us. 16 is kept.
- Blocks of rows that fit a cache, so that memory is read once a step: 2 or 3 blocks 35.2, 35.9 us, 8 blocks 54.9, and
  117 as slices of one array; 35.1 without. Starting an operation costs more than the memory saves.
- Two halves of the rows as a batch, for two cores: 58 us of processor time instead of 36; the least time by the clock
  of a short burst was 47.5 us instead of 41.3.
- A block of rows for each core, whole chains of operations that the compiler starts beside each other (kept, but for
  one run): by the clock, on the idle machine, two blocks took .79 times as long as one at 2 runs, .59 at 10, .81 at 30,
  .64 at 100 and .66 at 300; four blocks 1.12 at 30, .67 at 100, .73 at 300. One run is not shared out: 33.4 us against
  30.3.
- The loss of a single run as a product of two vectors instead of a sum, which the compiler makes a tree of windows:
  32.1 us instead of 32.8 (means of two processes; one differs from the next by 3 to 6 %, wherever its memory lies). At
  thirty runs 527 us instead of 437. Without any loss 30.3. Kept for a single vector.
- Two or four steps in an iteration of the loop, one run: 31.7, 30.8 us instead of 32.1. Four are kept, for small steps
  of a single variant: each is compiled once more.
- Vectors of 512 bits (`--xla_cpu_prefer_vector_width=512`): 1 to 4 % less for one run, 4 to 6 % more for thirty; left
  out.
- Where it ends: reading x once takes 14.2 us on one core (AVX-512, in C), the two products 27.8, fused in blocks of 32
  rows 21.9; XLA's two products alone 29 to 30, in TensorFlow as in JAX.
- Batches cut out by `tf.slice` made XLA take the number of a call's first step for a constant, and compile the loop
  anew in every call; by `tf.gather` they do not.
"""

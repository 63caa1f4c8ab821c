r"""Training on one device, on several, or on several machines: `get_strategy` and `train`.

```python
strategy = get_strategy("auto")  # it reports in one line which devices it found
with strategy.scope():
    model, optimizer = make_model(), keras.optimizers.SGD(0.01, momentum=0.9)
training = train(model, x, y, batch_size=64, loss="mse", optimizer=optimizer, strategy=strategy)
training.history["loss"]
```

`train` takes the arguments of `fit`, any Keras model, and a compiled model's loss, optimizer and
metrics. Its loop is our own, a `tf.function` of many steps around `strategy.run`, because Keras 3's
`fit` does not run under `tf.distribute.MultiWorkerMirroredStrategy`, averages masked losses over
the rows of each replica, and cannot go on within an epoch. The parts of a step are Keras's own:
`compute_loss`, `compute_metrics`, the optimizer, or a whole `train_step` that a model brings along.
On one device it takes the steps of `fit(shuffle=False)`. On any number of devices it takes the same
steps up to round-off, whatever the batch size, the loss and its masks, for models without dropout
and batch normalization: each global batch is split into contiguous shares, and a replica without a
row computes with weight 0.

# What it does not take

Each of these ends in one line that says so: sparse and ragged arrays; a model that is not built,
unless it has its own `train_step`; on several replicas a model's own `train_step` or `test_step`,
and outputs without a row for each row of the batch; a generator that ends before the last step, or
that would have to be continued from a checkpoint; checkpoints of a model with its own `train_step`,
whose state only the model knows; `shuffle=True` beside batches other than a `PyDataset`.

The table shows the largest relative deviation of the losses of 100 steps from `fit` on one device,
alike for 1, 10 and 50 steps a call (`python -m experiments.benchmarks.strategy_table`; TensorFlow
2.21, Keras 3.15, logical CPUs and processes of one machine; several GPUs have not been tried).

| strategy | `train` | `train`, XLA | `fit` | `fit`, XLA |
|---|---|---|---|---|
| one CPU | 9e-8 | 7e-8 | 0 | 1e-7 |
| mirrored, 2 and 4 CPUs | 1e-7 | 1e-7 | 1e-7 | InvalidArgumentError |
| 2 and 3 workers | 1e-7 | 1e-7 | ValueError | ValueError |

# Sweeps

`Sweep.run(steps, strategy=strategy)` takes the steps of one device, with a batch size or without.
Over 100 steps of Adam on all rows in float32 the losses deviate by at most 2e-7 on 2 CPUs (with the
end-to-end rule beside it) and by 3e-7 on 3 workers, relative to those of one device.

Each replica keeps its share of the rows on its device (a `Problem` is whole in the memory of every
host) and compiles its pass over them by XLA. Losses and dL/dK are summed once a step, and every
process makes the same update from the sums. Unlike on one device, the loop is not compiled as a
whole: several devices are faster if the pass over the rows takes milliseconds.

Call it outside of `strategy.scope()`. On several workers, make variants and optimizers after the
strategy.

# Several replicas

- Gradients are summed once, before they are clipped and before `LossScaleOptimizer` checks them.
- Weight decay, moving averages (used from the end of the training on, as with `fit`) and
  constraints work. `ema_overwrite_frequency` and `gradient_accumulation_steps` are refused: Keras
  does not support them there.
- Batch normalization normalises by the statistics of each replica's rows, as in Keras, and the
  moving statistics are the mean over replicas, weighted by their rows. With `synchronized=True` it
  does what one device does, but not under `jit_compile`.
- Dropout and other layers with a `keras.random.SeedGenerator` draw independently on each replica;
  the same seeds, devices and batches give the same bits. A layer of your own needs a generator too,
  or else it draws the same numbers every step.
- Loss and metrics are computed from the outputs for all rows of a batch, on every replica. Outputs
  much larger than the model's hidden layers make that dear: they are sent to all replicas.
- Penalties count once. One that depends on the rows of a batch must be a mean over them.
- Curves may part where an input crosses the kink of relu or max pooling at a different step.

# Callbacks

Callbacks work if they watch or steer `fit` by its logs, by `model.stop_training` or by
`optimizer.learning_rate`: TensorBoard, CSVLogger, ModelCheckpoint, EarlyStopping,
ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN, `overparam_tf.EndToEndMonitor`. The
counters of callbacks are not part of a checkpoint. BackupAndRestore works at the ends of epochs;
`checkpoints` continue within them, bit for bit. On several workers, pass callbacks that write files
on the chief only: `if is_chief(strategy)`.

# Several machines

Every machine runs the same program. The environment variable `TF_CONFIG` names all machines and
the number of this one; `get_strategy` reads it. All workers read the same data, and each computes
its share of every batch. Worker 0 is the chief: only it writes, to a checkpoint folder that all
must share.

With SLURM, one task a machine (`sbatch --nodes=4 --ntasks-per-node=1 job.sh`):

```bash
export WORKERS=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/.*/"&:12345"/' | paste -sd,)
srun --kill-on-bad-exit=1 bash -c 'TF_CONFIG="{\"cluster\": {\"worker\": [$WORKERS]},
    \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}" python train.py'
```

With Kubernetes, a Job `trainer` with `completionMode: Indexed` and as many completions as
`parallelism`, a headless Service `trainer` that its pods name as their `subdomain`, and the number
of pods in the variable `WORKERS`:

```yaml
command:
  - bash
  - -c
  - |
    hosts=$(seq -f "\"trainer-%g.trainer:12345\"" -s, 0 $((WORKERS - 1)))
    TF_CONFIG="{\"cluster\": {\"worker\": [$hosts]},
    \"task\": {\"type\": \"worker\", \"index\": $JOB_COMPLETION_INDEX}}" python train.py
```

`TF_CONFIG` is checked before TensorFlow sees it. The workers meet first: after ten seconds each
says which worker it waits for, and after `get_strategy(timeout=...)` seconds, 600 by default, it
gives up with a `WorkerLostError`. `train` and `Sweep.run` compare the data of all workers, and end
on each of them with an `InputError` if they differ: arrays as a whole before the first step,
batches of a dataset or generator as they come.

If a worker ends or cannot be reached, the others end within half a minute with a
`WorkerLostError`. Start all of them again: the training or the sweep continues from the newest
checkpoint, on another number of workers if you like. A stop signal to one worker ends a sweep on
all of them.
"""

from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.strategies import get_strategy, is_chief
from overparam_tf.distributed.training import Training, train
from overparam_tf.errors import WorkerLostError

__all__ = ["Training", "WorkerLostError", "get_strategy", "is_chief", "train", "workers_watched"]

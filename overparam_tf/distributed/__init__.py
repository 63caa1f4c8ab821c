r"""Any Keras model on one device, on several, or on several machines: `get_strategy` and `train`.

```python
strategy = get_strategy("auto")  # one line says what it picked
with strategy.scope():
    model, optimizer = make_model(), keras.optimizers.SGD(0.01, momentum=0.9)
training = train(model, (x, y), "mse", optimizer, strategy, batch_size=64)
```

Keras 3's `fit` does not run under `tf.distribute.MultiWorkerMirroredStrategy`, so the loop is our own: a `tf.function`
of many steps around ``strategy.run``. On one device it takes the steps of ``fit(shuffle=False)``; without dropout and
batch normalization it takes them on any number of devices, up to round-off, whatever the batch size: each global batch
is split into contiguous shares, and a replica left without a row computes with weight 0.

What works (``python -m experiments.strategy_table``: largest relative deviation of the losses of 100 steps from `fit`
on one device; TensorFlow 2.21, Keras 3.15, logical CPUs and processes of one machine):

| strategy | `train` | `train`, XLA | `fit` | `fit`, XLA |
|---|---|---|---|---|
| one CPU | 9e-8 | 7e-8 | 0 | 1e-7 |
| mirrored, 2 and 4 CPUs | 1e-7 | 1e-7 | 1e-7 | InvalidArgumentError |
| 2 and 3 workers | 1e-7 | 1e-7 | ValueError | ValueError |

alike for 1, 10 and 50 steps a call. Several GPUs have not been tried.

A sweep, ``Sweep.run(steps, strategy=strategy)``, takes the steps of one device, with a batch size or without: the
losses of 100 steps of Adam on all rows, in float32, deviate by 2e-7 on 2 CPUs (with the end-to-end rule beside it) and
by 3e-7 on 3 workers, the largest relative deviation of any step.

Each replica keeps its share of the rows on its device (a `Problem` is whole in the memory of every host) and compiles
its pass over them by XLA; losses and dL/dK are summed once a step, and every process makes the same update of it. The
loop around is not compiled as a whole, as on one device it is: this pays where the pass over the rows takes
milliseconds. Call it outside of ``strategy.scope()``; on several workers, make variants and optimizers after the
strategy.

On several replicas

- gradients are summed once, before they are clipped, and before `LossScaleOptimizer` looks at them;
- weight decay, moving averages (in use from the end of the training on, as with `fit`) and constraints work;
  ``ema_overwrite_frequency`` and ``gradient_accumulation_steps``, of which Keras is not capable there, are refused;
- batch normalization normalises by the statistics of each replica's rows, as Keras does, and the moving statistics are
  the mean over replicas weighted with their rows; with ``synchronized=True`` it does what one device does, but not
  under ``jit_compile``;
- dropout and other layers with a `keras.random.SeedGenerator` draw independently on each replica; the same seeds,
  devices and batches give the same bits. A layer of one's own needs a generator too: without one, it draws the same
  every step;
- penalties count once, also those that depend on the rows of a batch if they are means over it;
- metrics add up over replicas;
- where an input crosses the kink of relu or max pooling at a slightly different step, the curves part.

Callbacks: those that watch or steer `fit` by its logs, ``model.stop_training`` or ``optimizer.learning_rate`` work:
TensorBoard, CSVLogger, ModelCheckpoint, EarlyStopping, ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN,
`overparam_tf.EndToEndMonitor`. BackupAndRestore does not; that is what ``checkpoints`` are for. What callbacks count is
not in a checkpoint. On several workers, give those that write files to the chief only: ``if is_chief(strategy)``.

Several machines
----------------

Every machine runs the same program, and the environment variable ``TF_CONFIG`` tells it who the others are and which of
them it is; `get_strategy` finds it there. All workers read the same data, and each computes its share of every batch;
the checkpoint folder must be shared by all. Worker 0 is the chief, which alone writes.

On SLURM, one task a machine (``sbatch --nodes=4 --ntasks-per-node=1 job.sh``)::

    export WORKERS=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/.*/"&:12345"/' | paste -sd,)
    srun --kill-on-bad-exit=1 bash -c 'TF_CONFIG="{\"cluster\": {\"worker\": [$WORKERS]},
        \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}" python train.py'

On Kubernetes, a Job ``trainer`` with ``completionMode: Indexed``, as many completions as ``parallelism``, a headless
Service ``trainer`` that its pods name as their ``subdomain``, and the variable ``WORKERS``, how many they are::

    command: [bash, -c]

    Args:
      - |
        hosts=$(seq -f "\"trainer-%g.trainer:12345\"" -s, 0 $((WORKERS - 1)))
        TF_CONFIG="{\"cluster\": {\"worker\": [$hosts]},
        \"task\": {\"type\": \"worker\", \"index\": $JOB_COMPLETION_INDEX}}" python train.py

A worker that ends or cannot be reached ends the others within half a minute with a `WorkerLostError`. Start all of them
again: training, or a sweep, continues from the newest checkpoint, if need be on another number of workers. A stop
signal to one worker ends a sweep on all.
"""

from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.strategies import get_strategy, is_chief
from overparam_tf.distributed.training import Training, train
from overparam_tf.errors import WorkerLostError

__all__ = ["Training", "WorkerLostError", "get_strategy", "is_chief", "train", "workers_watched"]

"""One replica's part of a step: loss and gradients of its rows, their sum, the update."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from overparam_tf.distributed.batches import share
from overparam_tf.distributed.objective import Objective, takes_training

# Options by which Keras computes something from all gradients of a replica.
CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


class Replica:
    r"""The steps of one replica, traced once for each inside `strategy.run`.

    The objective of a global batch of n rows is

    $$L = \frac{1}{n} \sum_{i=1}^{n} \ell_i + P,$$

    P the sum of the model's own losses (regularizers, `add_loss`). Replica r computes

    $$L_r = \frac{1}{n} \sum_{i \in r} \ell_i + \frac{n_r}{n} P$$

    on its n_r rows. The L_r and their gradients sum to L and its gradient for any shares of the
    rows, and P counts once.

    With several replicas the model is called without side effects (`stateless_call`); the state
    that it would have changed is returned as values. Random seeds then advance alike everywhere,
    and floating-point state, such as the statistics of batch normalization, becomes the mean over
    replicas weighted by n_r / n.

    Args:
        model: A built Keras model, made under the strategy, as is the optimizer.
        objective: The loss.
        optimizer: A built Keras optimizer.
        metrics: Keras metrics.
        device: Device of the rows.
        jit_compile: Compile loss and gradients of a replica by XLA.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        optimizer: keras.optimizers.Optimizer,
        metrics: list[keras.metrics.Metric],
        device: str,
        jit_compile: bool,
    ):
        self.model, self.objective = model, objective
        self.optimizer, self.metrics = optimizer, metrics
        self.device, self.jit_compile = device, jit_compile
        self.replicas = objective.replicas
        self._takes_training = takes_training(model)
        # Keras would clip or scale the gradients of one replica; it must see the sum over replicas.
        is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        is_clipped = any(getattr(optimizer, name) for name in CLIPPING)
        self._needs_the_sum = self.replicas > 1 and (is_scaled or is_clipped)

    def train(self, arrays: tuple, start: tf.Tensor, size: int) -> tf.Tensor:
        """Take one step on a global batch.

        Args:
            arrays: The rows of many batches, as in `Chunk`.
            start: Row at which the batch starts.
            size: Its rows.

        Returns:
            This replica's terms of loss, data loss and penalty, shape (3,).
        """
        context = tf.distribute.get_replica_context()
        rows, fraction = self._share(arrays, start, size)
        all_weights = _weights(arrays, start, size, self.device)

        def compute(rows, all_weights):
            return self._gradients(rows, fraction, all_weights)

        if self.jit_compile:
            # A function for each replica: a shared one would compute on the device and variables of
            # the first.
            compute = tf.function(compute, jit_compile=True, autograph=False)
        losses, gradients, state, y_pred = compute(rows, all_weights)
        self._update_state(context, state, fraction)
        self._update_parameters(context, gradients)
        self._update_metrics(rows, y_pred, fraction)
        return losses

    def evaluate(self, arrays: tuple, start: tf.Tensor, size: int) -> tf.Tensor:
        """Return the losses of `train` at inference, and update nothing but the metrics."""
        rows, fraction = self._share(arrays, start, size)
        all_weights = _weights(arrays, start, size, self.device)
        losses, y_pred, _ = self._losses(rows, fraction, all_weights, training=False)
        self._update_metrics(rows, y_pred, fraction)
        return losses

    def _share(self, arrays: tuple, start: tf.Tensor, size: int) -> tuple[tuple, float]:
        return share(arrays, start, size, _replica_id(), self.replicas, self.device)

    def _losses(
        self, rows: tuple, fraction: float, all_weights: tf.Tensor | None, training: bool
    ) -> tuple[tf.Tensor, Any, dict[str, tf.Tensor]]:
        """Return the three losses, the model's outputs, and its state as `_call` returns it."""
        mode = {"training": training} if self._takes_training else {}
        call = self._call if self.replicas == 1 else self._call_without_side_effects
        x, *_ = rows
        y_pred, penalties, state = call(x, mode)
        data_loss = self.objective(rows, fraction, y_pred, all_weights)
        penalty = tf.cast(sum(penalties, tf.zeros((), data_loss.dtype)), data_loss.dtype)
        if self.replicas > 1:
            penalty *= fraction
        return tf.stack([data_loss + penalty, data_loss, penalty]), y_pred, state

    def _call(self, x: Any, mode: dict) -> tuple[Any, list, dict[str, tf.Tensor]]:
        """Return the model's outputs and losses, and no state: the call has set it."""
        return self.model(x, **mode), self.model.losses, {}

    def _call_without_side_effects(
        self, x: Any, mode: dict
    ) -> tuple[Any, list, dict[str, tf.Tensor]]:
        """Return the model's outputs and losses, and new values of variables by their place."""
        variables = self.model.non_trainable_variables
        before = [tf.convert_to_tensor(variable.value) for variable in variables]
        here = [_seeds_of_replica(*pair) for pair in zip(variables, before, strict=True)]
        parameters = [variable.value for variable in self.model.trainable_variables]
        y_pred, after, penalties = self.model.stateless_call(
            parameters, here, x, return_losses=True, **mode
        )
        state = {}
        for place, (old, mine, new) in enumerate(zip(before, here, after, strict=True)):
            if new is not mine:
                # Seeds advance from the common value, not from the one made for this replica.
                state[str(place)] = new if mine is old else old + (new - mine)
        return y_pred, penalties, state

    def _gradients(
        self, rows: tuple, fraction: float, all_weights: tf.Tensor | None
    ) -> tuple[tf.Tensor, list, dict[str, tf.Tensor], Any]:
        parameters = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            losses, y_pred, state = self._losses(rows, fraction, all_weights, training=True)
            scaled = self.optimizer.scale_loss(losses[0])
        return losses, tape.gradient(scaled, parameters), state, y_pred

    def _update_state(
        self,
        context: tf.distribute.ReplicaContext,
        state: dict[str, tf.Tensor],
        fraction: float,
    ) -> None:
        """Set the model's non-trainable variables to their new values, or to means over replicas.

        TensorFlow itself aggregates variables that ask for it.
        """
        variables = self.model.non_trainable_variables
        averaged = [
            place
            for place, value in state.items()
            if value.dtype.is_floating and variables[int(place)].aggregation == "none"
        ]
        if averaged:
            terms = [state[place] * tf.cast(fraction, state[place].dtype) for place in averaged]
            state = state | dict(zip(averaged, context.all_reduce("SUM", terms), strict=True))
        for place, value in state.items():
            variables[int(place)].assign(value)

    def _update_parameters(self, context: tf.distribute.ReplicaContext, gradients: list) -> None:
        """Apply the optimizer, to the sum over replicas if it clips or scales."""
        if self._needs_the_sum:
            gradients = self._summed(context, gradients)
        self.optimizer.apply(gradients, self.model.trainable_variables)

    def _summed(self, context: tf.distribute.ReplicaContext, gradients: list) -> list:
        """Return the sums over replicas on the first replica, and zeros on the others.

        Keras clips, checks and unscales the gradients of one replica, and only then sums over
        replicas. With these gradients it does so once, to the sum.
        """
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
        sums = iter(context.all_reduce("SUM", dense))
        summed = [None if gradient is None else next(sums) for gradient in gradients]
        if _replica_id() == 0:
            return summed
        return [None if gradient is None else tf.zeros_like(gradient) for gradient in summed]

    def _update_metrics(self, rows: tuple, y_pred: Any, fraction: float) -> None:
        _, y, *_ = rows
        for metric in self.metrics:
            if fraction:
                metric.update_state(y, y_pred)
            else:
                metric.update_state(y, y_pred, sample_weight=tf.zeros(1))


def _replica_id() -> int:
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def _seeds_of_replica(variable: keras.Variable, state: tf.Tensor) -> tf.Tensor:
    """Return a variable's value, for a seed generator one made from it and the replica's number.

    The first replica keeps the seeds of one device.
    """
    if _replica_id() == 0 or variable.name != "seed_generator_state":
        return state
    return tf.cast(tf.random.experimental.stateless_fold_in(state, _replica_id()), state.dtype)


def _weights(arrays: tuple, start: tf.Tensor, size: int, device: str) -> tf.Tensor | None:
    """Return the sample weights of a whole global batch, or None without any."""
    if len(arrays) == 2:
        return None
    (weights,), _ = share(arrays[2:], start, size, 0, 1, device)
    return weights

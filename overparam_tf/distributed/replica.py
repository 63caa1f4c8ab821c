"""What one replica does in a step: its rows' loss and gradients, the sum over replicas, the update."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from overparam_tf.distributed.batches import share
from overparam_tf.distributed.objective import Objective, takes_training


class Replica:
    r"""The steps of one replica, traced once for each inside ``strategy.run``.

    The objective of a global batch of n rows is

    .. math:: L = \frac{1}{n} \sum_{i=1}^{n} \ell_i + P,

    P the sum of the model's own losses (regularizers, `add_loss`). Replica r computes
    :math:`L_r = \frac{1}{n} \sum_{i \in r} \ell_i + \frac{n_r}{n} P` on its n_r rows, so that the L_r and their
    gradients sum to L and its gradient whatever the shares, P counted once.

    With several replicas the model is called without side effects (`stateless_call`); what it would have changed comes
    back as values: random seeds move on alike everywhere, and floating-point state, such as the statistics of batch
    normalization, becomes the mean over replicas weighted with n_r / n.

    Args:
        model: A built Keras model, made under the strategy, as is the optimizer.
        objective: The loss.
        optimizer: A built Keras optimizer.
        metrics: Keras metrics.
        device: Where the rows are.
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
        self.model, self.objective, self.optimizer, self.metrics = (
            model,
            objective,
            optimizer,
            metrics,
        )
        self.device, self.jit_compile = device, jit_compile
        self.replicas = objective.replicas
        self._takes_training = takes_training(model)
        # What Keras would compute from one replica's gradients has to see the sum over replicas instead.
        self._needs_the_sum = self.replicas > 1 and (
            isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            or any(
                getattr(optimizer, name) for name in ("clipnorm", "global_clipnorm", "clipvalue")
            )
        )

    def train(self, arrays: tuple, start: tf.Tensor, size: int) -> tf.Tensor:
        """Take one step on a global batch; return this replica's terms of loss, data loss and penalty, (3,)."""
        context = tf.distribute.get_replica_context()
        rows, fraction = self._share(arrays, start, size)
        all_weights = _weights(arrays, start, size, self.device)

        def compute(rows, all_weights):
            return self._gradients(rows, fraction, all_weights)

        if self.jit_compile:
            # A function for each replica: a shared one would compute on the first one's device and variables.
            compute = tf.function(compute, jit_compile=True, autograph=False)
        losses, gradients, state, y_pred = compute(rows, all_weights)
        self._update_state(context, state, fraction)
        self._update_parameters(context, gradients)
        self._update_metrics(rows, y_pred, fraction)
        return losses

    def evaluate(self, arrays: tuple, start: tf.Tensor, size: int) -> tf.Tensor:
        """Return what `train` returns, of inference, and change nothing but the metrics."""
        rows, fraction = self._share(arrays, start, size)
        all_weights = _weights(arrays, start, size, self.device)
        losses, y_pred, _ = self._losses(rows, fraction, all_weights, training=False)
        self._update_metrics(rows, y_pred, fraction)
        return losses

    def _share(self, arrays: tuple, start: tf.Tensor, size: int) -> tuple[tuple, float]:
        return share(arrays, start, size, _replica_id(), self.replicas, self.device)

    def _losses(self, rows: tuple, fraction: float, all_weights: tf.Tensor | None, training: bool):
        mode = {"training": training} if self._takes_training else {}
        call = self._call if self.replicas == 1 else self._call_without_side_effects
        y_pred, penalties, state = call(rows[0], mode)
        data_loss = self.objective(rows, fraction, y_pred, all_weights)
        penalty = tf.cast(sum(penalties, tf.zeros((), data_loss.dtype)), data_loss.dtype)
        if self.replicas > 1:
            penalty *= fraction
        return tf.stack([data_loss + penalty, data_loss, penalty]), y_pred, state

    def _call(self, x: Any, mode: dict) -> tuple[Any, list, dict]:
        return self.model(x, **mode), self.model.losses, {}

    def _call_without_side_effects(
        self, x: Any, mode: dict
    ) -> tuple[Any, list, dict[str, tf.Tensor]]:
        """Return the model's outputs, its losses, and the new value of each variable it assigned to, by its place."""
        variables = self.model.non_trainable_variables
        before = [tf.convert_to_tensor(variable.value) for variable in variables]
        seen = [_seeds_of_replica(*pair) for pair in zip(variables, before, strict=True)]
        parameters = [variable.value for variable in self.model.trainable_variables]
        y_pred, after, penalties = self.model.stateless_call(
            parameters, seen, x, return_losses=True, **mode
        )
        state = {
            # Seeds move on from where they were before this replica made its own of them.
            str(place): old + (new - mine) if mine is not old else new
            for place, (old, mine, new) in enumerate(zip(before, seen, after, strict=True))
            if new is not mine
        }
        return y_pred, penalties, state

    def _gradients(self, rows: tuple, fraction: float, all_weights: tf.Tensor | None):
        parameters = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            losses, y_pred, state = self._losses(rows, fraction, all_weights, training=True)
            scaled = self.optimizer.scale_loss(losses[0])
        return losses, tape.gradient(scaled, parameters), state, y_pred

    def _update_state(
        self, context: tf.distribute.ReplicaContext, state: dict, fraction: float
    ) -> None:
        variables = self.model.non_trainable_variables
        # What asks TensorFlow to aggregate it is left to that.
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
        # Keras clips, checks and unscales what one replica has, and only then sums over replicas. Summing first, and
        # then passing the sum from the first replica and zeros from the others, makes it act on the sum, once.
        if self._needs_the_sum:
            known = [gradient for gradient in gradients if gradient is not None]
            keep = 1 if _replica_id() == 0 else 0
            summed = iter(
                context.all_reduce("SUM", [tf.convert_to_tensor(gradient) for gradient in known])
            )
            gradients = [None if gradient is None else next(summed) for gradient in gradients]
            if not keep:
                gradients = [
                    None if gradient is None else tf.zeros_like(gradient) for gradient in gradients
                ]
        self.optimizer.apply(gradients, self.model.trainable_variables)

    def _update_metrics(self, rows: tuple, y_pred: Any, fraction: float) -> None:
        for metric in self.metrics:
            if fraction:
                metric.update_state(rows[1], y_pred)
            else:
                metric.update_state(rows[1], y_pred, sample_weight=tf.zeros(1))


def _replica_id() -> int:
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def _seeds_of_replica(variable: keras.Variable, state: tf.Tensor) -> tf.Tensor:
    """Return a seed generator's state for this replica: its own on the first, else one made from both."""
    if _replica_id() == 0 or variable.name != "seed_generator_state":
        return state
    return tf.cast(tf.random.experimental.stateless_fold_in(state, _replica_id()), state.dtype)


def _weights(arrays: tuple, start: tf.Tensor, size: int, device: str) -> tf.Tensor | None:
    if len(arrays) == 2:
        return None
    return share(arrays[2:], start, size, 0, 1, device)[0][0]

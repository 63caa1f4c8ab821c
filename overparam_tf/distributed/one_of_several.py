"""One of several replicas in a step: outputs for its rows, gradients, their sum, the update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from overparam_tf.distributed.batches import Share, rows_of
from overparam_tf.distributed.objective import has_own
from overparam_tf.distributed.one_replica import takes_training
from overparam_tf.distributed.outputs import Outputs, all_outputs, outputs_of, replica_id
from overparam_tf.distributed.weight_penalties import losses_of
from overparam_tf.distributed.whole_batch import Results, WholeBatch, variables_of

# Options by which Keras computes something from all gradients of a replica.
CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


class OneOfSeveral:
    r"""The steps of one replica of several, traced once for each inside `strategy.run`.

    The objective L of a global batch is a function of the outputs for all of its rows, of the
    penalties and of the parameters. Replica r computes the outputs $f_r$ for its $n_r$ of n rows
    and its penalties $P_r$. One sum over replicas tells each of them all outputs f and the
    penalties $P = \sum_r (n_r / n) P_r$. From these each computes L as one device does, and then
    its part of the gradient,

    $$\frac{\partial L}{\partial f_r} \frac{\partial f_r}{\partial \theta}
    + \frac{n_r}{n} \frac{\partial L}{\partial P} \frac{\partial P_r}{\partial \theta}
    + \frac{1}{R} \frac{\partial L}{\partial \theta}.$$

    The sum of the parts over R replicas is the gradient of L for any shares of the rows, any loss,
    and any mask.

    The model is called without side effects; the state that it would have changed is returned as
    values. Random seeds then advance alike everywhere, and floating-point state, such as the
    statistics of batch normalization, becomes the mean over replicas weighted by n_r / n.

    Args:
        model: A built and compiled Keras model, made under the strategy, as is its optimizer.
        replicas: R.
        device: Device of the rows.
        jit_compile: Compile the model's call and its gradients by XLA.
    """

    def __init__(self, model: keras.Model, replicas: int, device: str, jit_compile: bool):
        self.model, self.replicas, self.device = model, replicas, device
        self.jit_compile = jit_compile
        self._whole = WholeBatch(model)
        self._takes_training = takes_training(model)
        self._reads_x = has_own(model, "compute_loss") or has_own(model, "compute_metrics")
        # Keras would clip or scale the gradients of one replica; it must see the sum over replicas.
        optimizer = model.optimizer
        is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        is_clipped = any(getattr(optimizer, name) for name in CLIPPING)
        self._needs_the_sum = is_scaled or is_clipped

    def train(self, arrays: tuple, start: tf.Tensor, size: int) -> tf.Tensor:
        """Take one step on a global batch.

        Args:
            arrays: The rows of many batches, as in `Chunk`.
            start: Row at which the batch starts.
            size: Its rows.

        Returns:
            Total, data loss and penalty on the first replica, zeros on the others, shape (3,).
        """
        context = tf.distribute.get_replica_context()
        share = Share.of(size, replica_id(), self.replicas)
        parameters = [variable.value for variable in self.model.trainable_variables]
        scale = self.model.optimizer.scale_loss(tf.ones(()))
        with tf.GradientTape() as tape:
            outputs, state = self._call(arrays, start, share, training=True)
        results = self._results(context, arrays, start, size, outputs, scale, training=True)
        gradients = self._gradients(tape, parameters, outputs, results, share)
        self._update_state(context, state, share.fraction)
        self._update_parameters(context, gradients)
        self._update_from_results(results)
        return self._counted_once(results.losses)

    def evaluate(
        self, arrays: tuple, start: tf.Tensor, size: int, known: Sequence[tf.Tensor] = ()
    ) -> tf.Tensor:
        """Return the losses of `train` at inference, and update nothing but the metrics.

        Args:
            arrays: As in `train`.
            start: As in `train`.
            size: As in `train`.
            known: The penalties on the weights, as in `losses_of`; default none.
        """
        context = tf.distribute.get_replica_context()
        share = Share.of(size, replica_id(), self.replicas)
        outputs, _ = self._call(arrays, start, share, training=False, known=known)
        results = self._results(context, arrays, start, size, outputs, tf.ones(()), training=False)
        self._update_from_results(results)
        return self._counted_once(results.losses)

    def _call(
        self,
        arrays: tuple,
        start: tf.Tensor,
        share: Share,
        training: bool,
        known: Sequence[tf.Tensor] = (),
    ) -> tuple[Outputs, dict[str, tf.Tensor]]:
        """Return the outputs for this replica's rows, and its new state."""
        rows = rows_of(arrays, start, share, self.device)
        x, _, _ = keras.utils.unpack_x_y_sample_weight(rows)
        structure: list[Any] = []

        def call(x: Any) -> tuple:
            outputs, state = self._call_without_side_effects(x, training, known)
            structure[:] = [outputs.y_pred]
            return tf.nest.flatten(outputs.y_pred), outputs.masks, outputs.penalties, state

        if self.jit_compile:
            # A function for each replica: a shared one would compute on the device and variables of
            # the first.
            call = tf.function(call, jit_compile=True, autograph=False)
        y_pred, masks, penalties, state = call(x)
        return Outputs(tf.nest.pack_sequence_as(structure[0], y_pred), masks, penalties), state

    def _call_without_side_effects(
        self, x: Any, training: bool, known: Sequence[tf.Tensor]
    ) -> tuple[Outputs, dict[str, tf.Tensor]]:
        """Return the outputs, and new values of non-trainable variables by their place."""
        variables = self.model.non_trainable_variables
        before = [tf.convert_to_tensor(variable.value) for variable in variables]
        here = [_seeds_of_replica(*pair) for pair in zip(variables, before, strict=True)]
        trainable = [(variable, variable.value) for variable in self.model.trainable_variables]
        mode = {"training": training} if self._takes_training else {}
        mapping = [*trainable, *zip(variables, here, strict=True)]
        with keras.StatelessScope(mapping, collect_losses=True) as scope:
            mine = [scope.get_current_value(variable) for variable in variables]
            y_pred = self.model(x, **mode)
            outputs = outputs_of(y_pred, losses_of(self.model, known))
        state = {}
        for place, variable in enumerate(variables):
            new = scope.get_current_value(variable)
            if new is not mine[place]:
                # Seeds advance from the common value, not from the one made for this replica.
                is_common = here[place] is before[place]
                state[str(place)] = new if is_common else before[place] + (new - here[place])
        return outputs, state

    def _results(
        self,
        context: tf.distribute.ReplicaContext,
        arrays: tuple,
        start: tf.Tensor,
        size: int,
        outputs: Outputs,
        scale: tf.Tensor,
        training: bool,
    ) -> Results:
        """Return what follows from the outputs of all replicas, the same on each."""
        everything = rows_of(arrays, start, Share(0, size), self.device)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(everything)
        batch = (x if self._reads_x else None, y, weights)
        values = [tf.convert_to_tensor(v.value) for v in variables_of(self.model)]
        outputs = all_outputs(context, outputs, size, self.replicas)
        return self._whole(values, batch, outputs, scale, training)

    def _gradients(
        self, tape: tf.GradientTape, parameters: list, here: Outputs, results: Results, share: Share
    ) -> list:
        """Return this replica's part of the gradient with respect to the parameters."""
        targets, of_targets = [], []
        y_pred = tf.nest.flatten(here.y_pred)
        for output, gradient in zip(y_pred, results.of_outputs, strict=True):
            if gradient is not None:
                rows = gradient[share.begin : share.begin + share.rows]
                targets.append(output)
                of_targets.append(rows if share.fraction else tf.zeros_like(rows))
        for penalty, gradient in zip(here.penalties, results.of_penalties, strict=True):
            if gradient is not None:
                targets.append(penalty)
                of_targets.append(share.fraction * gradient)
        through = tape.gradient(targets, parameters, of_targets)
        return [
            _add(mine, None if direct is None else direct / self.replicas)
            for mine, direct in zip(through, results.of_parameters, strict=True)
        ]

    def _update_state(
        self, context: tf.distribute.ReplicaContext, state: dict[str, tf.Tensor], fraction: float
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

    def _update_from_results(self, results: Results) -> None:
        """Set the variables that loss and metrics have changed.

        The sum of a metric's copies counts: the first replica has it, and the others zero.
        """
        variables = variables_of(self.model)
        metrics = set(map(id, self.model.metrics_variables))
        for place, value in results.values.items():
            variable = variables[int(place)]
            if replica_id() == 0 or id(variable) not in metrics:
                variable.assign(value)

    def _update_parameters(self, context: tf.distribute.ReplicaContext, gradients: list) -> None:
        """Apply the optimizer, to the sum over replicas if it clips or scales."""
        if self._needs_the_sum:
            gradients = self._summed(context, gradients)
        self.model.optimizer.apply(gradients, self.model.trainable_variables)

    def _summed(self, context: tf.distribute.ReplicaContext, gradients: list) -> list:
        """Return the sums over replicas on the first replica, and zeros on the others.

        Keras clips, checks and unscales the gradients of one replica, and only then sums over
        replicas. With these gradients it does so once, to the sum.
        """
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
        sums = iter(context.all_reduce("SUM", dense))
        summed = [None if gradient is None else next(sums) for gradient in gradients]
        if replica_id() == 0:
            return summed
        return [None if gradient is None else tf.zeros_like(gradient) for gradient in summed]

    def _counted_once(self, losses: tf.Tensor) -> tf.Tensor:
        return losses if replica_id() == 0 else tf.zeros_like(losses)


def _add(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return tf.convert_to_tensor(one) + other


def _seeds_of_replica(variable: keras.Variable, state: tf.Tensor) -> tf.Tensor:
    """Return a variable's value, for a seed generator one made from it and the replica's number.

    The first replica keeps the seeds of one device.
    """
    if replica_id() == 0 or variable.name != "seed_generator_state":
        return state
    return tf.cast(tf.random.experimental.stateless_fold_in(state, replica_id()), state.dtype)

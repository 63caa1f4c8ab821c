"""The class of a layer with products, made on the fly, and their return after loading."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras.layers import Layer

# The class of which `keras.Model(inputs, outputs)` makes an object; it has no public name.
from keras.src.models import Functional

from overparam_tf.errors import InputError
from overparam_tf.products import MatrixAxes, Product
from overparam_tf.surgery import _tracking
from overparam_tf.surgery._calls import calls
from overparam_tf.surgery._entries import PENDING, Entry, entries, tracked_products
from overparam_tf.surgery._factors import factorisations, factorise
from overparam_tf.surgery._places import Place, contents, read
from overparam_tf.surgery._saved_factors import SavedFactors
from overparam_tf.surgery._splits import Split

KEY = "overparam_tf"  # of our part of a config
# The models that Keras writes layer by layer, rather than by a config of their own.
GRAPHS = (keras.Sequential, Functional)


@keras.saving.register_keras_serializable(package="overparam_tf")
class InPlace(SavedFactors):
    """The part of a layer's class that saves products in the layer and in the layers inside it.

    It stands in front of the layer's own class, in a class of the same name. The config is that of
    the plain layer with one more entry, so that Keras finds all that it expects.
    """

    plain_class: type[Layer]

    def get_config(self) -> dict[str, Any]:
        """Return the config of the plain layer, and which weights are products."""
        raise NotImplementedError  # each class has its own, see `in_place_class`

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Layer:
        """Return the layer of a config, with its products as soon as it has weights."""
        config = dict(config)
        ours = config.pop(KEY)
        plain_class = getattr(cls, "plain_class", None)
        if plain_class is not None and _class_config(plain_class) == ours["class"]:
            layer = plain_class.from_config(config)
        else:  # a class of another process, or another one of this process
            layer = keras.saving.deserialize_keras_object(
                {**ours["class"], "config": config}, custom_objects=custom_objects
            )
        restore(layer, ours["products"])
        return layer

    @property
    def factors(self) -> list[keras.Variable]:
        """Return the factors of the layer's product, if it has exactly one of its own."""
        records = factorisations(self)
        if len(records) != 1:
            raise AttributeError(f"factors of a layer with {len(records)} products of its own")
        return list(records[0].product.factors)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer, then its products."""
        super().build_from_config(config)  # type: ignore[misc]
        _restore_after_building(self)

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: the frozen kernel of LoRA would be a product."""
        raise _collapse_first(self, "enable_lora")


@functools.cache
def in_place_class(plain_class: Any) -> Any:
    """Return the subclass of a layer's class that saves products, of the same name.

    Checkpoints have the names of classes in their paths.
    """

    @functools.wraps(plain_class.get_config)  # with Keras's mark of an automatic config
    def get_config(self: Any) -> dict[str, Any]:
        ours = {"class": _class_config(plain_class), "products": entries(self)}
        return {**plain_class.get_config(self), KEY: ours}

    attributes = {
        "plain_class": plain_class,
        "get_config": get_config,
        "__module__": plain_class.__module__,
        "__qualname__": plain_class.__qualname__,
        "__doc__": plain_class.__doc__,
    }
    attributes |= calls(plain_class)
    if hasattr(plain_class, "save_to_preset"):
        attributes["save_to_preset"] = _refuse_a_preset
    made = type(plain_class)(plain_class.__name__, (InPlace, plain_class), attributes)
    # All of them under one name: `from_config` finds the plain class in the config.
    register = keras.saving.register_keras_serializable(package="overparam_tf", name="InPlace")
    register(made)
    register(InPlace)  # KerasHub looks for subclasses of its own among what the names stand for
    return made


def own_class(layer: Layer) -> Any:
    """Return the class of a layer without our part of it.

    Example:
        >>> own_class(keras.layers.Dense(2)) is keras.layers.Dense
        True
    """
    return layer.plain_class if isinstance(layer, InPlace) else type(layer)


def mark(layer: Layer) -> None:
    """Give every layer that saves products the class for it, and the others their own back.

    These are the layers with products, and those around them that are written by a config of their
    own. A plain Sequential or functional model is written layer by layer. On PyTorch the layers
    list their parameters again.
    """
    for inner in layer._flatten_layers():
        _tracking.refresh_parameters(inner)
        plain_class = own_class(inner)
        within = [inner] if plain_class in GRAPHS else inner._flatten_layers()
        saves = any(PENDING in vars(other) or tracked_products(other) for other in within)
        inner_class = in_place_class(plain_class) if saves else plain_class
        if type(inner) is not inner_class:
            inner.__class__ = inner_class
            _refuse_to_quantize(inner, saves)


def _refuse_to_quantize(layer: Layer, refuse: bool) -> None:
    """Let `quantize` say that a product has no kernel to be stored in fewer bits, or no longer.

    Keras sets the method on each layer.
    """
    if not refuse:
        vars(layer)["quantize"] = vars(layer)["quantize"].__wrapped__
        return

    @functools.wraps(layer.quantize)
    def quantize(*args: Any, **kwargs: Any) -> None:
        raise _collapse_first(layer, "quantize")

    vars(layer)["quantize"] = quantize


def _refuse_a_preset(model: Any, *args: Any, **kwargs: Any) -> None:
    """Refuse: KerasHub finds the class of a preset by its name, and ours is none of its own."""
    raise _collapse_first(model, "save_to_preset")


def restore(layer: Layer, saved: Sequence[Entry]) -> None:
    """Make the products of the entries, now or as soon as the layers have their weights.

    Raises:
        InputError: If the layers inside are not those for which the entries were written.
    """
    if layer.built:
        _restore_built(layer, saved)
        return
    vars(layer)[PENDING] = list(saved)
    build = layer.build

    @functools.wraps(build)
    def build_then_restore(*args: Any, **kwargs: Any) -> None:
        build(*args, **kwargs)
        _restore_after_building(layer)

    vars(layer)["build"] = build_then_restore
    mark(layer)


def _restore_after_building(layer: Any) -> None:
    """Make the products whose entries wait for a layer's weights, if any do."""
    saved = vars(layer).pop(PENDING, None)
    if saved is not None:
        vars(layer)["build"] = vars(layer)["build"].__wrapped__
        _restore_built(layer, saved)


def _restore_built(layer: Layer, saved: Sequence[Entry]) -> None:
    inside = layer._flatten_layers()
    for entry in saved:
        inner, place = _layer_of(entry, layer, inside), Place(*entry["place"])
        held, shared = read(inner, place), entry.get("shared", False)
        if isinstance(held, Product) and shared:
            _track_shared(inner, place, held)
        elif isinstance(held, keras.Variable) and not shared:
            held.trainable = entry["was_trained"]
            record = factorise(inner, place, _split_of(entry), inside)
            record.product.trainable = entry["trainable"]
        elif held is None and inner is not layer:
            restore(inner, [{**entry, "layer": 0}])
    mark(layer)


def _split_of(entry: Entry) -> Split:
    axes = MatrixAxes(tuple(entry["inputs"]), tuple(entry["outputs"]))
    options = {name: entry[name] for name in ("depth", "width", "initializer", "base")}
    return Split(axes, **options)


def _layer_of(entry: Entry, layer: Layer, inside: Sequence[Layer]) -> Layer:
    number, name = entry["layer"], entry["class"]
    if number >= len(inside) or (number and type(inside[number]).__name__ != name):
        raise InputError(
            f"Expected a {name} as layer {number} within {layer.name!r}, as when it was saved. "
            f"Received: {len(inside)} layers, {[type(other).__name__ for other in inside]}"
        )
    return inside[number]


def _track_shared(layer: Layer, place: Place, product: Product) -> None:
    """Let a layer track the factors of another layer's product, as it tracked the variable."""
    if _tracking.tracks(layer, product.factors[0]):
        return
    before = []
    for other, held in contents(layer):
        if other == place:
            break
        before.append(held)
    listed, _ = _tracking.lists(layer)
    position = sum(any(variable is held for held in before) for variable in listed)
    _tracking.insert(layer, position, product.factors)
    if product.base is not None:
        _tracking.add_frozen(layer, product.base)


def _class_config(plain_class: type[Layer]) -> dict[str, Any]:
    """Return what Keras writes of a class, to find it again in another process."""
    name, module = plain_class.__name__, plain_class.__module__
    for home in (keras.layers, keras.models):
        if getattr(home, name, None) is plain_class:
            path = f"keras.{home.__name__.rpartition('.')[2]}"
            return {"module": path, "class_name": name, "registered_name": None}
    registered = keras.saving.get_registered_name(plain_class)
    public_module = None if module == "__main__" else module
    return {"module": public_module, "class_name": name, "registered_name": registered}


def _collapse_first(layer: Any, method: str) -> InputError:
    return InputError(
        f"Expected a plain layer for {method}: call overparam_tf.collapse(model) first. "
        f"Received: layer {layer.name!r}, whose weights are products"
    )

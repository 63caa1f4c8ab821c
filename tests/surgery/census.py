"""Census of KerasHub's backbones: which of them `overparameterize` converts, there and back.

It needs keras-hub (the extra `hub`) and a checkout of its repository, whose own tests say how to
build small backbones; no line of it is ours.

    python -m tests.surgery.census path/to/keras-hub [bert gpt2 ...]

A backbone that takes more than `LIMIT` seconds of processor time is listed as such.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import signal
import statistics
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl.testing import parameterized
from keras import ops, tree

from overparam_tf.surgery import collapse, overparameterize
from overparam_tf.surgery._targets import find_targets, kernels_by_path
from overparam_tf.surgery._walk import all_layers

LIMIT = 600  # seconds of processor time for one backbone
HARNESS = ("run_backbone_test", "run_vision_backbone_test")  # of KerasHub's tests


@dataclasses.dataclass
class Backbone:
    """What became of one backbone.

    Attributes:
        name: Its class and, where its tests have several configurations, their number.
        kernels: Number of kernels converted.
        share: Share of the entries of all kernels, tables aside, that were converted.
        share_with_tables: The same with the tables of embeddings among the kernels.
        converted: Largest relative difference of an output after conversion.
        collapsed: The same after three steps and the collapse of what they trained.
        reloaded: The same after loading the plain checkpoint into the collapsed model.
        left: Weights that stay, tables aside: shares of the entries of all kernels, by path.
        problem: What went wrong, None for nothing.
    """

    name: str
    kernels: int = 0
    share: float = 0.0
    share_with_tables: float = 0.0
    converted: float = np.nan
    collapsed: float = np.nan
    reloaded: float = np.nan
    left: dict[str, float] = dataclasses.field(default_factory=dict)
    problem: str | None = None


def configurations(
    checkout: Path, names: Sequence[str] = ()
) -> Iterator[tuple[str, Callable[[], tuple[Any, Any]]]]:
    """Yield the name of each backbone and a function that builds it and its inputs.

    Args:
        checkout: A checkout of KerasHub's repository.
        names: Parts of the names of the test files to read; none for all.
    """
    _replace_harness()
    for path in sorted(checkout.glob("keras_hub/src/models/*/*_backbone_test.py")):
        if names and not any(name.lower() in path.stem for name in names):
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except ImportError as error:
            print(f"{path.stem} is not counted: {error}")
            continue
        found: dict[str, Callable[[], tuple[Any, Any]]] = {}
        for case_class in vars(module).values():
            if isinstance(case_class, type) and case_class.__module__ == path.stem:
                for cls, arguments, data in _built_by(case_class):
                    name = f"{cls.__name__}_{len(found)}" if found else cls.__name__
                    found[name] = lambda cls=cls, arguments=arguments, data=data: (
                        cls(**arguments),
                        data,
                    )
        if not found:
            print(f"{path.stem} is not counted: its tests build nothing by KerasHub's harness")
        yield from found.items()


def _replace_harness() -> None:
    """Let KerasHub's tests import a base class of ours, which needs no more packages."""
    module = types.ModuleType("keras_hub.src.tests.test_case")
    module.TestCase = type("TestCase", (parameterized.TestCase,), {})
    sys.modules[module.__name__] = module


def _built_by(case_class: type) -> Iterator[tuple[type, dict[str, Any], Any]]:
    """Yield what a test class would build, from calls of KerasHub's harness that it would make."""
    calls: list[tuple[type, dict[str, Any], Any]] = []

    def note(cls: type, init_kwargs: dict[str, Any], input_data: Any, *_: Any, **__: Any) -> None:
        calls.append((cls, init_kwargs, input_data))

    for method in [
        name for name in dir(case_class) if name.startswith("test_") and "basics" in name
    ]:
        try:
            case = case_class(method)
            for harness in HARNESS:
                setattr(case, harness, note)
            case.setUp()
            getattr(case, method)()
        except Exception:  # a test that does more than build, or needs a download
            continue
    seen: set[str] = set()
    for call in calls:
        if repr(call[:2]) not in seen:
            seen.add(repr(call[:2]))
            yield call


def examine(name: str, build: Callable[[], tuple[Any, Any]]) -> Backbone:
    """Convert a backbone, train it for three steps, collapse it; compare the outputs."""
    result = Backbone(name)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        keras.utils.set_random_seed(0)
        model, data = build()
        _examine(model, data, result)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        place = traceback.extract_tb(error.__traceback__)[-1]
        result.problem = f"{type(error).__name__} in {Path(place.filename).name}: {lines[0][:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return result


def _examine(model: Any, data: Any, result: Backbone) -> None:
    before = _outputs(model, data)
    targets = find_targets(model).kernels
    kernels = kernels_by_path(all_layers(model))
    sizes = {path: int(np.prod(kernel.variable.shape)) for path, kernel in kernels.items()}
    converted = sum(sizes[path] for path in targets)
    tables = sum(sizes[path] for path, kernel in kernels.items() if kernel.is_table)
    result.kernels = len(targets)
    result.share = converted / (sum(sizes.values()) - tables)
    result.left = {
        path: round(sizes[path] / (sum(sizes.values()) - tables), 3)
        for path, kernel in kernels.items()
        if path not in targets and not kernel.is_table
    }
    result.share_with_tables = converted / sum(sizes.values())
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(f"{folder}/plain.weights.h5")
        overparameterize(model)
        result.converted = _difference(before, _outputs(model, data))
        _train(model, data)
        trained = _outputs(model, data)
        collapse(model)
        result.collapsed = _difference(trained, _outputs(model, data))
        model.load_weights(f"{folder}/plain.weights.h5")
        result.reloaded = _difference(before, _outputs(model, data))


def _outputs(model: Any, data: Any) -> list[np.ndarray]:
    flat = tree.flatten(model(data, training=False))
    arrays = [ops.convert_to_numpy(y).astype("float64") for y in flat if y is not None]
    return arrays


def _difference(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return max(
        float(np.max(np.abs(x - y)) / (np.max(np.abs(x)) or 1.0)) for x, y in zip(a, b, strict=True)
    )


def _train(model: Any, data: Any, steps: int = 3) -> None:
    import tensorflow as tf

    for _ in range(steps):
        with tf.GradientTape() as tape:
            flat = tree.flatten(model(data, training=True))
            floats = [y for y in flat if y is not None and "float" in str(y.dtype)]
            loss = sum(ops.mean(ops.square(y)) for y in floats)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, [v.value for v in variables])
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        for gradient, variable in pairs:
            variable.assign_sub(1e-4 * tf.convert_to_tensor(gradient))


def _stop(*_: Any) -> None:
    raise TimeoutError(f"more than {LIMIT} s of processor time")


def summary(results: list[Backbone]) -> str:
    """Return the counts and medians in a few lines."""
    built = [result for result in results if result.kernels or result.problem]
    good = [result for result in built if result.problem is None]
    within = [r for r in good if max(r.converted, r.collapsed, r.reloaded) < 1e-4]
    lines = [
        f"{len(within)} of {len(built)} backbones convert, train and come back within 1e-4",
        f"median share of kernel parameters {statistics.median(r.share for r in good):.1%}, "
        f"with tables {statistics.median(r.share_with_tables for r in good):.1%}",
    ]
    return "\n".join(lines)


def census(checkout: Path, names: list[str]) -> list[Backbone]:
    """Examine the backbones of the test files that contain one of the names, all for no name."""
    signal.signal(signal.SIGPROF, _stop)
    results = []
    for name, build in configurations(checkout, names):
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(examine(name, build))
        print(f"{time.perf_counter() - start:5.0f} s  {results[-1]}", flush=True)
        keras.backend.clear_session()
        gc.collect()
    return results


if __name__ == "__main__":
    checkout, *names = sys.argv[1:]
    print(summary(census(Path(checkout), names)))

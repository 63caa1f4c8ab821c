"""PyTorch as the team of 2019 used it: a stack of `Linear` layers and the usual loop."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import torch

from .serve import serve
from .task import Task


def torch_optimizer(task: Task, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Return the task's optimizer from PyTorch."""
    rate, settings = task.shared_rate, task.hyperparameters
    if task.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate)
    if task.optimizer == "adagrad":
        accumulator, epsilon = settings["accumulator"], settings["epsilon"]
        return torch.optim.Adagrad(
            parameters, lr=rate, initial_accumulator_value=accumulator, eps=epsilon
        )
    if task.optimizer == "adadelta":
        return torch.optim.Adadelta(
            parameters, lr=rate, rho=settings["rho"], eps=settings["epsilon"]
        )
    betas = settings["beta_1"], settings["beta_2"]
    return torch.optim.Adam(parameters, lr=rate, betas=betas, eps=settings["epsilon"])


class Loop:
    """Iterations of zero_grad, forward, backward and step; data and model are tensors."""

    def __init__(self, task: Task):
        self._x, self._y, self._p = torch.from_numpy(task.x), torch.from_numpy(task.y), task.p
        layers = [torch.nn.Linear(*factor.shape, bias=False) for factor in task.factors]
        self._model = torch.nn.Sequential(*layers)
        with torch.no_grad():
            for parameter, factor in zip(self._model.parameters(), task.factors, strict=True):
                parameter.copy_(torch.from_numpy(factor.T))
        self._optimizer = torch_optimizer(task, self._model.parameters())

    def advance(self, steps: int) -> None:
        """Take each step as an iteration."""
        for _ in range(steps):
            self._optimizer.zero_grad()
            loss = ((self._model(self._x) - self._y) ** self._p).mean() / self._p
            loss.backward()
            self._optimizer.step()

    def kernel(self) -> np.ndarray:
        """Return the product of the layers' transposed weights."""
        weights = [parameter.detach().numpy().T for parameter in self._model.parameters()]
        return functools.reduce(np.matmul, weights)


if __name__ == "__main__":
    serve({"loop": Loop}, {"torch": torch.__version__})

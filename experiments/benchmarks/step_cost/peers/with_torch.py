"""PyTorch as the course team of 2019 used it: a stack of `Linear` layers and the loop of every tutorial."""

from __future__ import annotations

import functools

import numpy as np
import torch

from .serve import serve
from .task import Task


def torch_optimizer(task: Task, parameters) -> torch.optim.Optimizer:
    """The task's optimizer from PyTorch."""
    rate, settings = float(task.rates[-1]), task.hyperparameters
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
    """zero_grad, forward, backward, step; data and model as tensors."""

    def __init__(self, task: Task):
        self._x, self._y, self._p = torch.from_numpy(task.x), torch.from_numpy(task.y), task.p
        self._model = torch.nn.Sequential(
            *(torch.nn.Linear(*f.shape, bias=False) for f in task.factors)
        )
        with torch.no_grad():
            for parameter, factor in zip(self._model.parameters(), task.factors, strict=True):
                parameter.copy_(torch.from_numpy(factor.T))
        self._optimizer = torch_optimizer(task, self._model.parameters())

    def advance(self, steps: int) -> None:
        """An iteration a step."""
        for _ in range(steps):
            self._optimizer.zero_grad()
            loss = ((self._model(self._x) - self._y) ** self._p).mean() / self._p
            loss.backward()
            self._optimizer.step()

    def kernel(self) -> np.ndarray:
        """The product of the layers' transposed weights."""
        return functools.reduce(np.matmul, [p.detach().numpy().T for p in self._model.parameters()])


if __name__ == "__main__":
    serve({"loop": Loop}, {"torch": torch.__version__})

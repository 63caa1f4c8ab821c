"""`train` on one device is `fit` for every kind of model and data that both take."""

from __future__ import annotations

import pytest

from tests.distributed.cases import assert_same
from tests.distributed.fit_cases import CASES, trained_by_fit, trained_by_train


@pytest.mark.filterwarnings("ignore:.*ran out of data")  # as meant
@pytest.mark.parametrize("name", CASES)
def test_train_is_fit(name):
    assert_same(trained_by_train(name), trained_by_fit(name))

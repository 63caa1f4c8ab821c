"""How training ended: members that are the words of tables, each with a message."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from overparam_tf import TrainingStatus


@pytest.mark.parametrize("status", TrainingStatus)
def test_a_member_is_its_word(status):
    assert status == status.value and TrainingStatus(status.value) is status
    assert f"{status}" == str(status) == status.value == json.loads(json.dumps(status))


@pytest.mark.parametrize("status", TrainingStatus)
def test_a_message_is_one_sentence(status):
    assert status.message.endswith(".") and "\n" not in status.message


def test_tables_hold_the_words():
    table = pd.DataFrame({"status": [TrainingStatus.DIVERGED, "finished"]})
    assert table.to_csv(index=False) == "status\ndiverged\nfinished\n"
    assert (table["status"] == "diverged").tolist() == [True, False]
    assert (table["status"] == TrainingStatus.FINISHED).tolist() == [False, True]

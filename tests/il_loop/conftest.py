"""Training in these tests is small: more than one thread only waits."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope='session', autouse=True)
def one_thread():
    torch.set_num_threads(1)

# SPDX-License-Identifier: Apache-2.0
"""The gate that simulated rooms must pass: its small network learns what an image tells, and nothing else."""

import pytest
import torch

from training import rooms_gate


def test_it_learns_what_brightness_tells():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(48, 3, 1, 1, generator=generator).expand(48, 3, 64, 64)
    depths = 2 * images[:, :1] - 1
    model = rooms_gate.train(images, depths, steps=60)
    with torch.no_grad():
        error = (model(images) - depths).abs().mean()
    assert error < 0.5 * (depths - depths.median()).abs().mean()


@pytest.mark.parametrize(("gate", "code"), [(-1e9, 0), (1e9, 1)])
def test_a_missed_gate_is_an_exit_code(monkeypatch, capsys, gate, code):
    pytest.importorskip("open3d")
    monkeypatch.setattr(rooms_gate, "GATE", gate)
    options = ["--environments", "1", "--views", "2", "--unseen", "1", "--steps", "2"]
    monkeypatch.setattr("sys.argv", ["rooms_gate", *options])
    with pytest.raises(SystemExit) as stop:
        rooms_gate.main()
    assert int(stop.value.code) == code
    assert "on 2 views of 1 unseen environments" in capsys.readouterr().out

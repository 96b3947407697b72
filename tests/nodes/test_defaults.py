"""Defaults of parameters are those of what they set, also where the one cannot read the other."""

from __future__ import annotations

from il_data.node import RecorderParams
from il_data.recording import Settings
from il_gating.config import GateConfig
from il_gating.node import GateParams
from il_loop.node import JobsParams
from il_loop.rounds import RoundConfig
from il_ros.doctor import disk


def test_the_gate_hands_over_as_gate_config_says():
    assert GateParams().config() == GateConfig()


def test_the_recorder_records_as_its_settings_say():
    assert RecorderParams().settings() == Settings()


def test_a_job_is_a_round_with_nothing_chosen():
    job, made = JobsParams(), RoundConfig()
    assert (job.gate, job.alpha or None, job.seed) == (made.gate, made.alpha, made.seed)
    assert (job.probes, job.critic_steps) == (made.probes, made.critic.steps)
    assert job.epochs == made.bc.epochs


def test_the_doctor_counts_the_disk_as_the_recorder_does():
    recorder = Settings()
    assert (recorder.reserve_mb, recorder.warn_min) == (disk.RESERVE_MB, disk.WARN_MIN)

"""Runs of several processes, on two "nodes" of one machine, and as jobs of a cluster that are queued again."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.reliability.commands import run
from tests.reliability.runs import STAGES, same_end, words
from tests.running import weights

pytestmark = pytest.mark.reliability
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
SGD = ("stage.optimizer._target_=torch.optim.SGD", "~stage.optimizer.betas", "~stage.optimizer.eps")
STEADY = (*SGD, "stage.optimizer.lr=0.1", "criterion=least_squares", "data.batch_size=4", "unpaired.batch_size=4")
"""Steps in proportion to the gradients, which processes sum up in another order."""


def free_port() -> int:
    """A port that the system gives."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


@pytest.mark.parametrize("stage", STAGES)
def test_two_nodes_train_as_one_process_does(artifacts: Path, tmp_path: Path, stage: str) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    ended = run(alone, words(artifacts, alone, stage, *STEADY))
    assert ended.status == 0, ended.said
    command = words(artifacts, together, stage, *STEADY, "trainer=ddp", "trainer.devices=1", "trainer.num_nodes=2")
    meeting = ["--nnodes=2", "--nproc_per_node=1", "--master_addr=127.0.0.1", f"--master_port={free_port()}"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", *meeting]
    nodes = [
        subprocess.Popen(
            [*torchrun, f"--node_rank={rank}", "-m", "drbn_lightning.train", *command],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [node.communicate()[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(said)
    for name in ("last.ckpt", "best.ckpt"):
        first, second = (weights(folder / "run" / "checkpoints" / name) for folder in (alone, together))
        assert first.keys() == second.keys()
        for key, tensor in first.items():
            torch.testing.assert_close(second[key], tensor, rtol=1e-3, atol=1e-4)


PREEMPTION = """
import os
import signal
from pathlib import Path

from pytorch_lightning.callbacks import Callback


class Preemption(Callback):
    def __init__(self, flag):
        self.flag = Path(flag)

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 5 and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), signal.SIGUSR2)
"""
"""Asks the job once for its place, as a cluster does."""

SBATCH = """#!/bin/bash
# Starts the script of a job at once, and again as often as `scontrol requeue` asks for it.
script="${@: -1}"
(
  for count in 0 1 2; do
    rm -f QUEUE/again
    SLURM_RESTART_COUNT=$count SLURM_JOB_ID=7 bash "$script"
    [ -e QUEUE/again ] || break
  done
  touch QUEUE/done
) >QUEUE/log 2>&1 &
echo "Submitted batch job 7"
"""
SRUN = """#!/bin/bash
# Starts a job's only task.
while [[ "$1" == -* ]]; do
  if [[ "$1" == --output || "$1" == --error ]]; then shift; fi
  shift
done
SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_NNODES=1 SLURM_JOB_NAME=drbn exec "$@"
"""
SCONTROL = """#!/bin/bash
echo "$@" >>QUEUE/asked
touch QUEUE/again
"""
SACCT = """#!/bin/bash
state=RUNNING
if [ -e QUEUE/done ]; then state=COMPLETED; fi
echo "JobID|State|NodeList"
echo "7|$state|here"
"""


def cluster(folder: Path) -> Path:
    """Programs that stand for SLURM's: they start what they are given, and put it in line again."""
    programs, queue = folder / "bin", folder / "queue"
    programs.mkdir()
    queue.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL, "sacct": SACCT}.items():
        (programs / name).write_text(text.replace("QUEUE", str(queue)))
        (programs / name).chmod(0o755)
    return programs


@pytest.mark.parametrize("launcher", ["submitit_local", "slurm"])
def test_a_job_that_gives_its_place_away_is_queued_again_and_goes_on(
    artifacts: Path, tmp_path: Path, launcher: str
) -> None:
    whole, sweep = tmp_path / "whole", tmp_path / "sweep"
    assert run(whole, words(artifacts, whole, "band", "seed=3")).status == 0
    (tmp_path / "preemption.py").write_text(PREEMPTION)
    preempted = f"+callbacks.preemption={{_target_: preemption.Preemption, flag: {tmp_path / 'flag'}}}"
    command = words(artifacts, tmp_path, "band", "seed=3", preempted, f"hydra/launcher={launcher}")
    command = [word for word in command if not word.startswith(("resume=", "hydra.run.dir="))]
    command += ["resume=auto"] if launcher == "submitit_local" else []  # SLURM says itself that a job comes again
    environment = {**ENVIRONMENT, "PATH": f"{cluster(tmp_path)}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "drbn_lightning.train", "-m", *command, f"hydra.sweep.dir={sweep}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "flag").exists()
    if launcher == "slurm":
        assert (tmp_path / "queue" / "asked").read_text() == "requeue 7\n"
    assert same_end(sweep / "0", whole / "run")

#!/usr/bin/env bash
# Resolve pyproject.toml again: constraints.txt and requirements/*.txt. Needs uv (pip install uv). Run it after a change of
# dependencies, and after it ./test.sh on every Python that matters.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
torch=$(grep '^torch==' constraints.txt)

resolve() { uv pip compile - --universal --python-version 3.10 --no-header --no-annotate --quiet "$@"; }
# What torch pins by itself, and what is never installed on Linux.
public() { grep -vE '^(nvidia|cuda|triton|colorama|pyreadline)'; }
names() { # names EXTRA: the packages of one list in pyproject.toml
  sed -nE "s/^$1 = \[(.*)\].*/\1/p" pyproject.toml | tr -d '" ' | tr ',' '\n' | sed "s/^torch\$/$torch/"
}
all=$(for extra in dependencies ros sim joystick train dev; do names $extra; done)
{
  cat <<END
# The exact versions this project is tested with, for Python 3.10 to 3.13. Made by scripts/lock.sh from pyproject.toml,
# without the packages that a torch wheel pins by itself (nvidia-*, cuda-*, triton).
END
  resolve <<<"$all" | public
} >constraints.new
mv constraints.new constraints.txt

# A ROS 2 install brings numpy and PyYAML.
host() { resolve <<<"numpy==1.26.4"$'\n'"$(names dependencies)"$'\n'"$1" | public | grep -vE '^(numpy|pyyaml|packaging|setuptools|typing-extensions)='; }
base=$(host '')
{
  cat <<END
# For a machine with a ROS 2 install, in a venv with --system-site-packages: gate, teleop, recorder, inference. Made by
# scripts/lock.sh. rclpy, messages, launch, PyYAML and numpy come from that install: what colcon builds against numpy 1
# (Ubuntu 24.04 has 1.26) need not load with numpy 2; colcon does not run with a newer setuptools.
numpy<2
setuptools<80
$base
END
} >requirements/ros-host.txt
{
  cat <<END
# Besides ros-host.txt: simulated tasks. Made by scripts/lock.sh. On Python 3.12 and later pybullet has no wheel and is
# compiled, which takes long (over 20 minutes on two busy cores).
-r ros-host.txt
$(host "$(names sim)" | grep -vxF "$base")
END
} >requirements/ros-host-sim.txt
{
  cat <<END
# Besides ros-host.txt: training. Made by scripts/lock.sh. From PyPI torch is a CUDA build of several GB; for the CPU build
# (0.2 GB) run first: pip install $torch --index-url https://download.pytorch.org/whl/cpu
-r ros-host.txt
$(host "$(names train)" | grep -vxF "$base")
END
} >requirements/ros-host-train.txt

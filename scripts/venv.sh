# Sourced by demo.sh and test.sh: makes .venv where it is missing or out of date. The caller sets $root to the repository.
# Variables: IL_PYTHON (the interpreter to use), IL_TORCH_INDEX_URL (where to take torch from).

# A sourced ROS 2 install and an active venv must not leak into ours; the ros-* wheels bring their own ROS.
unset AMENT_PREFIX_PATH COLCON_PREFIX_PATH CMAKE_PREFIX_PATH PYTHONPATH PYTHONHOME LD_LIBRARY_PATH \
  ROS_DISTRO RMW_IMPLEMENTATION VIRTUAL_ENV _ROS_WHEELS_BOOTSTRAP_COMPLETE

venv=$root/.venv
set_up_log=$root/.venv-setup.log
torch_pin=$(grep -E '^torch==' "$root/constraints.txt")

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# "3.12" where that interpreter runs, nothing otherwise.
python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# The first of these that fits. 3.12 and 3.13 come second: pybullet has no wheel for them.
find_python() {
  local candidate version found='' second=''
  for candidate in ${IL_PYTHON:+"$IL_PYTHON"} python3 python3.11 python3.10 python3.12 python3.13; do
    version=$(python_version "$candidate") || version=''
    case $version in
      3.10 | 3.11) python=$candidate && return ;;
      3.12 | 3.13) second=${second:-$candidate} ;;
      ?*) found="${found:+$found, }$candidate is $version" ;;
    esac
    [ "$candidate" != "${IL_PYTHON:-}" ] || [ -n "$second" ] ||
      fail "IL_PYTHON=$IL_PYTHON ${version:+is Python }${version:-does not run}: needs Python 3.10 to 3.13"
    [ "$candidate" != "${IL_PYTHON:-}" ] || break
  done
  python=$second
  [ -n "$second" ] || [ -z "$found" ] || fail "$found: needs Python 3.10 to 3.13; install one or set IL_PYTHON to one"
  [ -n "$second" ] || fail 'no python3 found: install Python 3.10 to 3.13, or set IL_PYTHON to one'
}

check_machine() {
  [ "$(uname -sm)" = 'Linux x86_64' ] ||
    fail "this is $(uname -sm); the ROS 2 wheels exist for Linux x86_64 only (with a ROS 2 install: docs/how-to/ros2_install.md)"
  find_python
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python has no venv module: install it (Debian, Ubuntu: apt install python3-venv)"
  local compiler=${CXX:-}
  [ -n "$compiler" ] || compiler=$(command -v c++ || command -v g++ || command -v clang++) ||
    fail 'no C++ compiler found: install one (Debian, Ubuntu: apt install g++)'
  command -v "${compiler%% *}" >/dev/null || fail "CXX=$compiler is not there: install it or unset CXX"
  local header
  header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
  [ -f "$header" ] || fail "$header is missing: install the Python headers (Debian, Ubuntu: apt install python3-dev)"
}

# What an installed .venv depends on; sources are not part of it, because src/ is installed in place.
stamp() {
  (cd "$root" && echo "$root" && cat pyproject.toml constraints.txt CMakeLists.txt package.xml msg/* srv/*) |
    sha256sum | cut -c1-16
}

# step WHAT COMMAND...: run with output to the log; where it fails, say the likely reason in one line.
step() {
  local what=$1 began=$SECONDS
  shift
  printf '%s ... ' "$what"
  echo "== $what" >>"$set_up_log"
  if "$@" >>"$set_up_log" 2>&1; then
    echo "$((SECONDS - began)) s"
    return
  fi
  echo failed
  if tail -n 60 "$set_up_log" | grep -qE 'NewConnectionError|ConnectTimeout|NameResolution|Name or service|ProxyError|Network is unreachable|Max retries|from versions: none'; then
    fail "the package index cannot be reached: check the network (the log is $set_up_log)"
  fi
  fail "$(grep -iE 'error' "$set_up_log" | tail -n 1 | cut -c1-200) (the log is $set_up_log)"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

# True where pip would take a torch for the CPU by itself: one that is installed, or a wheel on disk.
cpu_torch_at_hand() {
  "$venv/bin/python" -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null ||
    pip install --dry-run --no-deps "$torch_pin" 2>/dev/null | grep -q 'Would install torch-.*+cpu'
}

# On all cores, where pip takes one. Some packages hold files that are not Python.
compile_all() { "$venv/bin/python" -m compileall -q -j 0 "$venv"/lib/python3*/site-packages || true; }

install_torch() {
  if [ -n "${IL_TORCH_INDEX_URL:-}" ]; then
    step "torch from $IL_TORCH_INDEX_URL" pip install --no-deps --index-url "$IL_TORCH_INDEX_URL" "$torch_pin"
  elif ! cpu_torch_at_hand; then
    echo "Note: $torch_pin from PyPI is a CUDA build: about 3 GB to download, 6 GB on disk. The CPU build is 0.2 GB; to take it,"
    echo "      stop this (Ctrl-C) and run: IL_TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu $0"
    [ ! -t 0 ] || sleep 10
  fi
}

set_up() {
  local wanted=$1
  check_machine
  echo "Setting up $venv with $python ($(python_version "$python")): once, about 3 minutes; the log is $set_up_log"
  case $(python_version "$python") in
    3.12 | 3.13) echo "Note: pybullet has no wheel for this Python and is compiled, which takes long (over 20 minutes on two busy cores); Python 3.11 or 3.10 saves them" ;;
  esac
  : >"$set_up_log"
  rm -f "$venv/stamp"
  [ "$(python_version "$venv/bin/python")" = "$(python_version "$python")" ] || rm -rf "$venv"
  step 'environment' "$python" -m venv "$venv"
  install_torch
  # Names of this project are relative: pip splits variables and file URLs at the spaces of a path.
  cd "$root" || exit 1
  step 'dependencies, messages' pip install --no-compile -c constraints.txt -e '.[ros,sim,joystick,train,dev]'
  cd - >/dev/null || exit 1
  step 'bytecode' compile_all
  echo "$wanted" >"$venv/stamp"
}

ensure_venv() {
  local wanted
  wanted=$(stamp)
  [ "$(cat "$venv/stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$venv/bin/python" ] && return
  exec 9>"$root/.venv.lock"  # demo.sh and test.sh at the same time: one of them sets up
  if command -v flock >/dev/null; then flock 9; fi
  [ "$(cat "$venv/stamp" 2>/dev/null)" = "$wanted" ] || set_up "$wanted"
  exec 9>&-
}

ensure_venv
export AMENT_PREFIX_PATH=$venv
export PATH=$venv/bin:$PATH
# rclpy refuses to start where neither a home nor a log folder is set.
export ROS_LOG_DIR=${ROS_LOG_DIR:-$root/log/ros}

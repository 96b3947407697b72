"""Write tests/replay/old_bag: an episode of a time when the messages had fewer fields.

    python -m tests.replay.make_old_bag

The bag is stored; this shows how it was made, and makes the next one when messages grow again.
Nothing else reads these definitions: readers must live by the ones in the bag.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

BAG = Path(__file__).parent / 'old_bag'
TICKS, HUMAN, SEED = 12, range(4, 8), 7

# What each definition did not have yet.
LACKING = {
    'Proposal': ('chunk_length', 'chunk', 'features', 'inference_s', 'fault'),
    'Command': ('transition', 'limited'),
    'GateStatus': (
        'observation_age_s',
        'joystick_age_s',
        'joystick_timeout_s',
        'checkpoint_id',
        'hand_back_ready',
    ),
    'ExpertAction': ('seed',),
    'EpisodeEvent': ('tick', 'cause', 'detail'),
}
OLDER = {
    'Proposal': """\
std_msgs/Header header
uint64 tick
string checkpoint_id
string spec_hash
float64[] frame
builtin_interfaces/Time[] stream_stamps
float64[] mean
float64[] variance
uint32 members
float64[] member_actions
""",
    'Command': """\
std_msgs/Header header
uint64 tick
string[] axes
float64[] action
uint8 mode
uint8 owner
""",
    'GateStatus': """\
std_msgs/Header header
uint64 tick
string episode_id
uint32 step
uint8 mode
uint8 owner
uint8 cause
string detail
string gate
string[] score_names
float64[] scores
float64[] thresholds
""",
    'ExpertAction': """\
std_msgs/Header header
string source
float64[] action
bool engaged
uint32[] presses
uint32 step
""",
    'EpisodeEvent': """\
std_msgs/Header header
uint8 kind
string episode_id
uint64 seed
uint8 outcome
""",
}


def thin(path: Path) -> None:
    """Take out of a manifest, and of the spec in it, what came later."""
    manifest = json.loads(path.read_text())
    del manifest['recovered'], manifest['il_version']
    for topic in manifest['topics']:
        del topic['early'], topic['publishers']
    for axis in manifest['spec']['robot']['axes']:
        del axis['max_accel'], axis['weight']
    path.write_text(json.dumps(manifest, indent=1) + '\n')


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / 'share' / 'interactive_il' / 'msg'
        place.mkdir(parents=True)
        for name, text in OLDER.items():
            (place / f'{name}.msg').write_text(text)
        os.environ['AMENT_PREFIX_PATH'] = folder  # the first place where definitions are looked up
        from tests.il_data.fake import Rig

        rig = Rig(Path(folder) / 'bags')
        done = rig.episode(TICKS, HUMAN, SEED)
        shutil.rmtree(BAG, ignore_errors=True)
        shutil.copytree(rig.folder / done.episode_id, BAG / done.episode_id)
        thin(BAG / done.episode_id / 'manifest.json')


if __name__ == '__main__':
    main()

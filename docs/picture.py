"""Make the pictures of README.md from a run folder: `python docs/picture.py runs/demo`.

episode.png: of the interactive episodes that ended well the one with most of both, policy and
human, rendered again from its seed and its recorded commands. gate.svg: its gate.
curve.svg: the learning curve of the run.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from il_core.types import NS_PER_S, Owner
from il_data.episode import Episode
from il_loop import report_charts, report_data, report_pictures
from il_loop.run_folder import RunFolder
from il_sim.api import make_world

OUT = Path(__file__).parent / 'images'
COUNT = 6


def main(run: Path) -> None:
    data = report_data.load(RunFolder(run))
    shared = [
        (min(counts.human_actions, counts.robot_actions), index, episode)
        for group in data.groups
        for index, (episode, counts) in enumerate(zip(group.episodes, group.counts, strict=True))
        if counts.success and counts.interventions and episode.score_names
    ]
    if not shared:
        sys.exit(f'{run}: no episode in which the gate called the human and that ended well')
    episode = max(shared, key=lambda s: s[:2])[2]
    OUT.mkdir(exist_ok=True)
    (OUT / 'episode.png').write_bytes(strip(episode))
    (OUT / 'gate.svg').write_text(report_charts.gate_timeline(report_data.timeline(episode)))
    (OUT / 'curve.svg').write_text(report_charts.learning_curve(report_data.curve(data)))


def strip(episode: Episode) -> bytes:
    """Return the episode in COUNT pictures side by side, framed in the colour of who owns."""
    world = make_world(episode.spec)
    owners = [Owner(int(o)) for o in episode.owners]
    scenes = report_pictures.replay(
        world, episode.manifest.seed, list(episode.commands), owners, COUNT, (240, 200)
    )
    world.close()
    uri = report_pictures.strip(scenes, episode.spec.period_ns / NS_PER_S)
    return base64.b64decode(uri.partition(',')[2])


main(Path(sys.argv[1]))

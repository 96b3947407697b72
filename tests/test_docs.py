"""What the documentation says is so: tables, commands, links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from il_core import cli
from il_core.codecs import COMMAND_CODECS, STREAM_CODECS
from tests.house import ROOT

README = (ROOT / 'README.md').read_text()
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md')])

# Without printed results, which are cut into lines, and names that are yet to be made.
GUIDES = [p for p in PAGES if p.parent.name != 'results' and p.name != 'CONTRIBUTING.md']


def commands(text: str) -> list[list[str]]:
    """Return every `il ...` command line of a page, in blocks and between backticks."""
    lines = re.findall(r'^ {4}(il .*)$|^(il .*)$|`(il [^`]*)`', text, re.MULTILINE)
    found = [re.split(r'\s{2,}|#', next(filter(None, line)))[0] for line in lines]
    return [shlex.split(line) for line in found]


def test_the_node_table_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('rclpy')
    line = re.search(r'`il (run .*--print-graph)` prints this', README)
    assert line
    assert cli.main(line[1].split()) == 0
    assert capsys.readouterr().out.strip() in README


def test_the_topic_table_is_complete() -> None:
    pytest.importorskip('rclpy')
    from il_ros.topics import TOPICS

    rows = [
        f'| `{t.name}` | {t.type.replace("/msg/", "/")} | {t.rate} '
        f'| {"yes" if t.recorded else "no"} |'
        for t in TOPICS.values()
    ]
    assert '\n'.join(rows) in README


@pytest.mark.parametrize('page', PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r'\]\(([^)#:]+)\)', page.read_text())
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize('page', PAGES, ids=lambda p: p.name)
def test_commands_have_options_that_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _, name, *args in commands(page.read_text()):
        if name in ('--help', 'COMMAND'):
            continue
        with pytest.raises(SystemExit):
            cli.main([name, '--help'])
        known = capsys.readouterr().out
        options = [a.split('=')[0] for a in args if a.startswith('--')]
        assert [o for o in options if not re.search(rf'{o}\b', known)] == [], (name, args)


@pytest.mark.parametrize('page', GUIDES, ids=lambda p: p.name)
def test_graphs_of_commands_are_taken(page: Path) -> None:
    pytest.importorskip('rclpy')
    from il_ros import run_cli
    from il_ros.graph_args import args_from_text
    from il_ros.options import graph_args

    for _, name, *args in commands(page.read_text()):
        if name == 'run':
            graph_args(run_cli._parser().parse_args(args))
    for mode, rest in re.findall(
        r'^ *ros2 launch interactive_il (\w+)\.launch\.py([^\n`]*)', page.read_text(), re.MULTILINE
    ):
        given = [word.split(':=') for word in shlex.split(rest.split('#')[0]) if ':=' in word]
        args_from_text({'mode': mode, **dict(given)})


@pytest.mark.parametrize('page', PAGES, ids=lambda p: p.name)
def test_launch_commands_have_arguments_that_exist(page: Path) -> None:
    for name, rest in re.findall(
        r'ros2 launch interactive_il (\w+)\.launch\.py([^\n`]*)', page.read_text()
    ):
        file = (ROOT / 'launch' / f'{name}.launch.py').read_text()
        for argument in re.findall(r'(\w+):=', rest.split('#')[0]):
            assert f"'{argument}'" in file, (name, argument)


def test_every_dependency_is_explained() -> None:
    text = (ROOT / 'docs' / 'explanation' / 'dependencies.md').read_text()
    project = (ROOT / 'pyproject.toml').read_text()
    extras = 'dependencies|ros|sim|joystick|train|dev'
    lists = re.findall(rf'^(?:{extras}) = \[(.*)\]', project, re.MULTILINE)
    names = re.findall(r'"([\w-]+)', ' '.join(lists))
    assert [n for n in names if f'`{n}`' not in text] == []


def test_every_codec_is_in_the_table_with_its_message() -> None:
    page = (ROOT / 'docs' / 'reference' / 'robot_file.md').read_text()
    for kind, table in (('', STREAM_CODECS), (' (command)', COMMAND_CODECS)):
        for name, codec in table.items():
            assert f'| `{name}`{kind} | {codec.type.replace("/msg/", "/")} |' in page

"""Parameters: from the command line, from files, changed while running, refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rclpy.parameter import Parameter

from il_core.errors import UserError
from il_ros.lifecycle import IlNode
from il_ros.params import CommonParams, param
from il_ros.rules import arguments


@dataclass(frozen=True)
class Params(CommonParams):
    gate: str = param('hg_dagger', 'which gate', choices=('hg_dagger', 'novelty'))
    latency_s: float = param(0.5, 'reaction time', low=0.0, high=5.0, live=True)
    ticks: int = param(3, 'how many', low=1)


class Node(IlNode):
    node_name = 'probe'
    params_type = Params


def make(*args):
    return Node(cli_args=['--ros-args', *args])


def change(node, name, value):
    """What `ros2 param set` asks for."""
    return node.set_parameters_atomically([Parameter(name, value=value)])


def test_values_come_from_the_command_line_with_their_types(context):
    values = {'latency_s': 1, 'task': 'gym:MountainCar-v0'}
    node = make(*arguments(values), *arguments({'robot': '', 'lockstep': True}))
    p = node.params
    assert p.latency_s == 1.0
    assert isinstance(p.latency_s, float)
    assert (p.task, p.robot, p.lockstep, p.ticks) == ('gym:MountainCar-v0', '', True, 3)
    assert make(*arguments({'robot': "it's"})).params.robot == "it's"


def test_values_come_from_a_file_for_any_node(context, tmp_path):
    file = tmp_path / 'p.yaml'
    file.write_text('/**:\n  ros__parameters:\n    gate: novelty\n    ticks: 9\n')
    p = make('--params-file', str(file)).params
    assert (p.gate, p.ticks) == ('novelty', 9)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('gate', 'noveltyy', 'did you mean novelty?'),
        ('latency_s', 6.0, 'parameter latency_s is 6.0: must be 0 to 5'),
        ('latency_s', 'fast', 'must be a number'),
        ('ticks', 0, 'must be at least 1'),
        ('ticks', 2.5, 'must be a whole number'),
        ('task', 'reach2', "parameter task is 'reach': is fixed when the node starts"),
        ('latencys', 1.0, 'did you mean latency_s?'),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(context, name, value, reason):
    node = make()
    before = node.params
    result = change(node, name, value)
    assert not result.successful
    assert reason in result.reason
    assert node.params == before


def test_what_configure_reads_is_refused_until_the_node_is_cleaned_up(context):
    node = make()
    node.trigger_configure()
    for leave, state, step in (
        (node.trigger_activate, 'inactive', 'cleanup`, set it'),
        (node.trigger_deactivate, 'active', 'deactivate`, then cleanup, set it'),
        (node.trigger_shutdown, 'inactive', 'cleanup`, set it'),
    ):
        result = change(node, 'ticks', 9)
        assert not result.successful
        assert f'and the node is {state}: `ros2 lifecycle set /probe {step}' in result.reason
        assert node.params.ticks == node.get_parameter('ticks').value == 3
        assert change(node, 'latency_s', 1.5).successful
        leave()
    reason = change(node, 'ticks', 9).reason
    assert 'the node is finalized: it does not come back: end its process' in reason


def test_what_configure_reads_changes_after_cleanup(context):
    node = make()
    node.trigger_configure()
    node.trigger_cleanup()
    assert change(node, 'ticks', 9).successful
    assert node.params.ticks == 9


def test_an_accepted_change_arrives_in_params(context):
    node = make()
    assert change(node, 'latency_s', 2).successful
    assert change(node, 'gate', 'novelty').successful
    assert (node.params.latency_s, node.params.gate) == (2.0, 'novelty')


def test_a_whole_number_does_not_change_the_type_of_a_float(context):
    """As `ros2 param set /gate latency_s 1` sends it."""
    node = make(*arguments({'latency_s': 1}))
    assert node.get_parameter('latency_s').type_ is Parameter.Type.DOUBLE
    assert change(node, 'latency_s', 2).successful
    assert node.get_parameter('latency_s').type_ is Parameter.Type.DOUBLE
    assert node.get_parameter('latency_s').value == 2.0


def test_what_is_dumped_can_be_loaded_into_a_node_that_runs(context):
    node = make()
    node.trigger_configure()
    for name in ('ticks', 'latency_s', 'gate'):
        assert change(node, name, node.get_parameter(name).value).successful, name


def test_a_name_that_nobody_knows_is_said_with_those_there_are(context, capfd):
    make(*arguments({'latncy_s': 1.0, 'use_sim_time': False}))
    said = capfd.readouterr().err
    assert "parameter is 'latncy_s': not known, does nothing" in said
    assert 'did you mean latency_s?' in said
    assert 'use_sim_time' not in said


def test_what_a_file_for_all_nodes_holds_for_others_is_no_warning(context, capfd):
    make(*arguments({'reserve_mb': 500.0, 'latncy_s': 1.0}))
    said = capfd.readouterr().err
    (warned,) = [line for line in said.splitlines() if 'WARN' in line]
    assert 'reserve_mb' not in warned
    assert 'without effect here: reserve_mb' in said


def test_a_mapping_where_text_is_wanted_is_said(context, capfd):
    """`gate_params: {novelty: 0.1}` in a parameter file, which rcl takes apart."""
    quality = 'qos_overrides./command.publisher.depth'
    make(*arguments({'gate_params.novelty': 0.1, quality: 20}))
    said = capfd.readouterr().err
    assert "parameter is 'gate_params.novelty': not known, does nothing" in said
    assert quality not in said


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        ({'gate': 'moon'}, 'choices: hg_dagger, novelty'),
        ({'latency_s': -1.0}, 'must be 0 to 5'),
        ({'ticks': 'many'}, 'must be a whole number'),
    ],
)
def test_a_wrong_start_value_is_a_user_error_with_the_rule(context, args, words):
    with pytest.raises(UserError, match=words):
        make(*arguments(args))


def test_describe_shows_text_range_and_read_only(context):
    node = make()
    latency = node.describe_parameter('latency_s')
    assert latency.description == 'reaction time'
    assert latency.floating_point_range[0].to_value == 5.0
    assert node.describe_parameter('task').read_only
    assert 'novelty' in node.describe_parameter('gate').additional_constraints
    assert 'refused while' in node.describe_parameter('gate').additional_constraints
    assert 'takes effect at once' in latency.additional_constraints

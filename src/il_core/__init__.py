"""The waist: words, specs, codecs and alignment that every other package imports, and that
imports none of them.

Only numpy and PyYAML are needed here; nothing in this package knows ROS, torch or a simulator.
"""

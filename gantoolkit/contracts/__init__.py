"""Contract tests: whether a component does what its kind must do (`gantoolkit plugin check`).

contract   one component under test, and the sentence when it fails
run        build a component and choose the test of its kind
generator  bridge  encoder  loss  metric  task  network  system   the test of each kind
command    `plugin check DIR`: all components of a plugin
"""

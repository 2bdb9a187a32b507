from gantoolkit.contracts.run import check_component


def test_myplugin_keeps_the_contract():
    assert check_component("mykind", "MyPlugin") > 0

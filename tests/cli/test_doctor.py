"""doctor: what it finds, and what it says about damage."""

import hashlib
from argparse import Namespace

from packaging.requirements import Requirement

from gantoolkit.cli import doctor
from gantoolkit.registry import manifest


def states(findings):
    return [finding.state for finding in findings]


def test_a_quick_look_is_well(capsys):
    assert doctor.main(Namespace(quick=True)) == 0
    assert "Everything that is needed works." in capsys.readouterr().out


def test_missing_and_damaged_weights(monkeypatch, tmp_path):
    index = manifest.Manifest(providers={"gantoolkit": manifest.Provider("gantoolkit", tmp_path)})
    (tmp_path / "good").write_bytes(b"good")
    (tmp_path / "bad").write_bytes(b"bad")
    for name in ("good", "bad", "gone"):
        index.weights[name] = dict(
            file=name, owner="gantoolkit", sha256=hashlib.sha256(b"good").hexdigest()
        )
    monkeypatch.setattr(manifest, "load", lambda: index)
    found = list(doctor.files(quick=False))
    assert states(found) == [doctor.BROKEN, doctor.BROKEN, doctor.OK]
    assert (
        "damaged" in found[0].what and "missing" in found[1].what and "1 verified" in found[2].what
    )


def test_dependencies(monkeypatch):
    stated = [Requirement(line) for line in ("torch>=99", "no-such-thing>=1", "pyyaml>=6")]
    monkeypatch.setattr(doctor, "requirements", lambda: stated)
    found = list(doctor.versions())
    assert states(found) == [doctor.BROKEN, doctor.BROKEN, doctor.OK]
    assert "pip install 'no-such-thing>=1'" in found[1].advice


def test_every_dependency_can_be_imported():
    assert states(doctor.torch_pair()) in ([doctor.OK], [doctor.NOTE])
    assert states(doctor.imports()) == [doctor.OK]


def test_requirements_are_those_of_an_installation_without_extras():
    names = {requirement.name for requirement in doctor.requirements()}
    assert {"torch", "packaging"} <= names and not names & {"pytest", "gradio"}

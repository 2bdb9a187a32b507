"""A trained bridge as a folder of the Hub's form: config.json, model.safetensors, README.md.

config.json holds the specs of encoder, bridge and generator as a run resolved them. They name
components of registry.yaml and weights; nothing in such a folder is code, and nothing of it is
executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from gantoolkit import __version__, weights
from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError, WeightsError
from gantoolkit.data.user_inputs import condition_kinds
from gantoolkit.inference import bridge_files, load
from gantoolkit.inference.face_pipeline import FacePipeline
from gantoolkit.pipeline import Pipeline
from gantoolkit.weights.hub import in_one_sentence

CONFIG = "config.json"
MODEL = bridge_files.HUB_MODEL
CARD = "README.md"
SPECS = ("encoder", "bridge", "generator", "condition")


class PretrainedPipeline(
    FacePipeline, ModelHubMixin, library_name="gantoolkit", tags=["gan-inversion", "faces"]
):
    """A FacePipeline with `from_pretrained(folder or repository)` and `save_pretrained(folder)`.

    `from_pretrained(folder, generator=…)` uses another generator with the same codes instead of the
    folder's.

    >>> import tempfile
    >>> pipeline = PretrainedPipeline.from_source("stylegan2-mask")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pipeline.save_pretrained(folder)
    ...     again = PretrainedPipeline.from_pretrained(folder)
    >>> again.condition
    'mask'
    """

    specs: dict[str, Any]  # of encoder, bridge and generator, and the condition
    scores: dict[str, Any]  # system → metric → score, of its run
    frozen: dict[str, str]  # network → sha256
    address: str = "this folder"  # where the model card says that it is

    @classmethod
    def from_source(cls, source: str | Path) -> PretrainedPipeline:
        """Load the pipeline of a run folder, an exported bridge or a preset."""
        pipeline, specs = load.load_with_specs(source)
        record = Path(source) / "record.json"
        scores = {}
        if record.is_file():
            scores = files.read_json_object(record).get("scores", {})
        return cls._from_pipeline(pipeline, specs, scores)

    @classmethod
    def _from_pipeline(cls, pipeline: Pipeline, specs: dict, scores: dict) -> PretrainedPipeline:
        pretrained = cls(pipeline)
        pretrained.specs = {key: specs[key] for key in SPECS}
        pretrained.scores = scores
        # What the bridge was trained with, where its file says so, else what is here now.
        pretrained.frozen = bridge_files.frozen_checksums(pretrained.specs)
        for name, digest in specs.get("frozen", {}).items():
            if name in pretrained.frozen:
                pretrained.frozen[name] = digest
        return pretrained

    def _save_pretrained(self, save_directory: Path) -> None:
        specs = self.specs | {"frozen": self.frozen}
        files.write_json(save_directory / CONFIG, {"library": f"gantoolkit {__version__}", **specs})
        bridge_files.export_bridge(save_directory / MODEL, self.bridge, specs)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **changes: Any,
    ) -> PretrainedPipeline:
        folder = Path(model_id)
        if not folder.is_dir():
            with in_one_sentence(model_id):
                downloaded = snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    token=token,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    allow_patterns=[CONFIG, MODEL, CARD],
                )
            folder = Path(downloaded)
        return cls._from_folder(folder, changes)

    @classmethod
    def _from_folder(cls, folder: Path, changes: dict) -> PretrainedPipeline:
        for name in (CONFIG, MODEL):
            if not (folder / name).is_file():
                raise WeightsError(
                    f"{folder} has no {name}, so it is no pipeline of gantoolkit's; "
                    "'gantoolkit weights export RUN FOLDER' writes one."
                )
        state, _, _ = weights.load(folder / MODEL)
        stored = files.read_json_object(folder / CONFIG, WeightsError)
        stored = weights.with_current_names(stored)
        specs = {key: changes.get(key, stored.get(key)) for key in SPECS}
        if any(value is None for value in specs.values()):
            raise WeightsError(
                f"{folder / CONFIG} does not name encoder, bridge, generator and condition."
            )
        specs["frozen"] = stored.get("frozen") or {}
        if changed := bridge_files.changed_networks(specs):
            raise WeightsError(
                f"'{changed[0]}' is not the file that this bridge was trained with (its sha256 "
                "differs); fetch that version, or choose another on purpose with generator=…."
            )
        replacement = None
        if changes.get("generator") and "generator" in stored:
            replacement = load.load_replacement(changes["generator"], stored["generator"])
        pipeline = load.assemble(state, specs, generator=replacement)
        return cls._from_pipeline(pipeline, specs, scores={})

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Return README.md: what it is, how it is loaded, what it needs, its scores."""
        return ModelCard(model_card(self.specs, self.frozen, self.scores, self.address))


def check_folder(folder: Path) -> None:
    """Refuse to write a pipeline among other files; an earlier export is written again."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a bridge goes to a folder, so name a new one.")
    if folder.is_dir() and any(folder.iterdir()) and not _is_export(folder):
        raise UsageError(f"{folder} is not empty and holds no earlier export; name a new folder.")


def _is_export(folder: Path) -> bool:
    try:
        config = files.read_json_object(folder / CONFIG)
    except DataError:
        return False
    return str(config.get("library", "")).startswith("gantoolkit ")


def model_card(
    specs: dict, frozen: dict[str, str], scores: dict, address: str = "this folder"
) -> str:
    """Return the model card in Markdown.

    frozen   name → sha256 of the networks that the bridge needs
    scores   system → metric → Score as a dict
    address  what `from_pretrained` takes: the folder, or a repository of the Hub
    """
    networks = [f"- `{name}` (sha256 `{digest[:16]}…`)\n" for name, digest in frozen.items()]
    kinds = condition_kinds(specs["condition"])
    arguments = ", ".join(f'{kind}="{kind.upper()}.png"' for kind in kinds)
    return f"""---
library_name: gantoolkit
tags: [gan-inversion, text-to-image, faces]
---
# A {specs["bridge"]["type"]} bridge from text and a {" and a ".join(kinds)} to the codes of a GAN

It turns the features of a denoising U-Net into codes of a frozen generator. Load it with

```python
from gantoolkit import PretrainedPipeline

pipeline = PretrainedPipeline.from_pretrained("{address}")
pipeline("a person with blond hair", {arguments}).image.save("face.png")
```

## What it needs
The frozen networks are named, not contained; each stands under a licence of its own.

{"".join(networks)}
## Scores
{_score_table(scores)}
## Limits
Trained on the data that its config names; results carry that data's biases. Do not use it to depict
real people without their consent.
"""


def _score_table(scores: dict) -> str:
    lines = ["| system | measure | value | n |\n", "|---|---|---|---|\n"]
    for system, metrics in scores.items():
        for name, score in metrics.items():
            lines.append(f"| {system} | {name} | {score['value']:.4g} | {score['n']} |\n")
    return "".join(lines) if len(lines) > 2 else "None were recorded.\n"

"""A trained bridge as a folder of the Hub's form: config.json, model.safetensors, README.md.

config.json holds the specs of encoder, bridge and generator as a run resolved them. They name components of
registry.yaml and weights; nothing in such a folder is code, and nothing of it is executed.
"""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from gantoolkit import __version__, weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.data.user_inputs import condition_kinds
from gantoolkit.inference import load
from gantoolkit.pipeline import Pipeline

CONFIG, MODEL, CARD = "config.json", load.HUB_MODEL, "README.md"
SPECS = ("encoder", "bridge", "generator", "condition")


class PretrainedPipeline(
    Pipeline, ModelHubMixin, library_name="gantoolkit", tags=["gan-inversion", "faces"]
):
    """A Pipeline with `from_pretrained(folder or repository)` and `save_pretrained(folder)`.

    `from_pretrained(folder, generator=…)` puts another generator with the same codes in place of the folder's.
    """

    @classmethod
    def of(cls, source: str | Path) -> PretrainedPipeline:
        """The pipeline of a run folder, an exported bridge or a preset."""
        pipeline, specs = load.load_with_specs(source)
        record = Path(source) / "record.json"
        scores = (
            json.loads(record.read_text(encoding="utf-8")).get("scores", {})
            if record.is_file()
            else {}
        )
        return cls._join(pipeline, specs, scores)

    @classmethod
    def _join(cls, pipeline: Pipeline, specs: dict, scores: dict) -> PretrainedPipeline:
        whole = cls(
            pipeline.encoder,
            pipeline.bridge,
            pipeline.generator,
            specs["condition"],
            pipeline.camera_for,
        )
        whole.specs, whole.scores = {key: specs[key] for key in SPECS}, scores
        whole.frozen = load.frozen(whole.specs)
        whole.frozen |= {
            name: digest for name, digest in specs.get("frozen", {}).items() if name in whole.frozen
        }
        return whole

    def _save_pretrained(self, save_directory: Path) -> None:
        specs = self.specs | {"frozen": self.frozen}
        files.write_json(save_directory / CONFIG, {"library": f"gantoolkit {__version__}", **specs})
        load.export(save_directory / MODEL, self.bridge, specs)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision=None,
        cache_dir=None,
        force_download=False,
        local_files_only=False,
        token=None,
        **specs,
    ) -> PretrainedPipeline:
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(
                snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    token=token,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    allow_patterns=[CONFIG, MODEL, CARD],
                )
            )
        for name in (CONFIG, MODEL):
            if not (folder / name).is_file():
                raise WeightsError(
                    f"{folder} has no {name}, so it is no pipeline of gantoolkit's; "
                    "'gantoolkit weights export RUN FOLDER' writes one."
                )
        state, _, _ = weights.load(folder / MODEL)
        stored = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        given = specs.get("generator")
        specs = {key: specs.get(key, stored.get(key)) for key in SPECS}
        if any(value is None for value in specs.values()):
            raise WeightsError(
                f"{folder / CONFIG} does not name encoder, bridge, generator and condition."
            )
        specs["frozen"] = stored.get("frozen") or {}
        if other := load.changed(specs):
            raise WeightsError(
                f"'{other[0]}' is not the file that this bridge was trained with (its sha256 differs); "
                "fetch that version, or choose another on purpose with generator=…."
            )
        other = (
            load.replacement(given, stored["generator"])
            if given and "generator" in stored
            else None
        )
        return cls._join(load.assemble(state, specs, generator=other), specs, {})

    def generate_model_card(self, *args, **kwargs) -> ModelCard:
        """README.md: what it is, how it is loaded, what it needs, its scores."""
        return ModelCard(card(self.specs, self.frozen, self.scores))


def check_folder(folder: Path) -> None:
    """Refuse to write a pipeline among other files; an earlier export is written again."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a bridge goes to a folder, so name a new one.")
    if folder.is_dir() and any(folder.iterdir()) and not _exported(folder):
        raise UsageError(f"{folder} is not empty and holds no earlier export; name a new folder.")


def _exported(folder: Path) -> bool:
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and str(found.get("library", "")).startswith("gantoolkit ")


def card(specs: dict, frozen: dict[str, str], scores: dict) -> str:
    """The model card in Markdown."""
    names = "".join(f"- `{name}` (sha256 `{digest[:16]}…`)\n" for name, digest in frozen.items())
    shown = condition_kinds(specs["condition"])
    pictures = ", ".join(f'{kind}="{kind.upper()}.png"' for kind in shown)
    return f"""---
library_name: gantoolkit
tags: [gan-inversion, text-to-image, faces]
---
# A {specs["bridge"]["type"]} bridge from text and a {" and a ".join(shown)} to the codes of a GAN

It turns the features of a denoising U-Net into codes of a frozen generator. Load it with

```python
from gantoolkit import PretrainedPipeline, read_condition

pipeline = PretrainedPipeline.from_pretrained("this folder")
render = pipeline(read_condition(text="a person with blond hair", {pictures}))
```

## What it needs
The frozen networks are named, not contained; each stands under a licence of its own.

{names}
## Scores
{_table(scores)}
## Limits
Trained on the data that its config names; results carry that data's biases. Do not use it to depict real people
without their consent.
"""


def _table(scores: dict) -> str:
    rows = [
        f"| {system} | {name} | {score['value']:.4g} | {score['n']} |\n"
        for system, found in scores.items()
        for name, score in found.items()
    ]
    head = "| system | measure | value | n |\n|---|---|---|---|\n"
    return head + "".join(rows) if rows else "None were recorded.\n"

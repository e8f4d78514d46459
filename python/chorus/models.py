"""The model store, $CHORUS_HOME/models or ~/.chorus/models: that of `chorus models`, which does the work."""
from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, Dict, List

from chorus import _compile, _compile_generator, _programs, _protos, _saving
from chorus.exceptions import StoreError
from chorus.runners import Runner


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Tag:
    """The name of one model: str() is "NAME:VERSION"."""
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """One version of a model in the store. `manifest` is its manifest.json."""
    tag: Tag
    path: pathlib.Path
    manifest: Mapping[str, Any] = dataclasses.field(repr=False, hash=False)

    def __str__(self) -> str:
        return str(self.tag)

    @property
    def task(self) -> str:
        """"generate", "classify" or "embed"; empty if the architecture is of no kind that Chorus knows."""
        return str(self.manifest.get("task", ""))

    @property
    def architecture(self) -> str:
        """As config.json names it, such as "GPT2LMHeadModel"."""
        return str(self.manifest.get("architecture", ""))

    @property
    def dtype(self) -> str:
        """In what most of the weights are stored, such as "float32"; empty where the store does not know."""
        return str(self.manifest.get("dtype", ""))

    @property
    def parameters(self) -> int | None:
        """How many numbers the weights hold; None where the store does not know."""
        count = self.manifest.get("parameters")
        return None if count is None else int(count)

    @property
    def licence(self) -> str:
        """Such as "mit"; may be empty."""
        return str(self.manifest.get("licence", ""))

    @property
    def source(self) -> str:
        """"REPOSITORY@COMMIT", or the repository alone; may be empty."""
        source = self.manifest.get("source", {})
        return "@".join(filter(None, (source.get("repository", ""), source.get("commit", ""))))

    @property
    def created(self) -> datetime.datetime:
        """When it was saved."""
        return datetime.datetime.fromisoformat(self.manifest["created"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.manifest.get("labels", {}))

    @property
    def metadata(self) -> dict[str, Any]:
        return dict(self.manifest.get("metadata", {}))

    @property
    def size_bytes(self) -> int:
        return sum(int(file["size_bytes"]) for file in self.manifest["files"])

    @property
    def _native_code(self) -> str | None:
        """The hash of a compiled model's code, which the store's user has let in."""
        hashes = {file["name"]: str(file["sha256"]) for file in self.manifest["files"]}
        return hashes.get(_compile.NATIVE_CODE)

    def to_runner(self, *, name: str | None = None, dtype: str = "auto", threads: int | None = None,
                  max_sequences: int | None = None) -> Runner:
        """A runner of this model, which is not started yet.

        Args:
            name: Of the runner; without one the model's.
            dtype: In what weights are kept and multiplied: auto, float32, bfloat16, int8 or int8_weight_only.
            threads: Compute threads; without it the runners of this process share the cores as they need them.
            max_sequences: Texts in one batch.
        """
        return Runner(name or self.tag.name, self.tag.version, self.path, dtype=dtype, threads=threads,
                      max_sequences=max_sequences, native_code=self._native_code)


_asked: Dict[str, pathlib.Path] = {}  # What get() was asked for in this process, and the folders that it found.


def list(name: str | None = None, *, labels: Mapping[str, str | None] | None = None, task: str | None = None,
         architecture: str | None = None) -> List[Model]:
    """The models of the store, by tag: all, or those that are as all that is given.

    Args:
        name: Of this name, or tag; * stands for any characters, ? for one, as in "gpt2*".
        labels: With these labels; None as a value stands for whatever value.
        task: "generate", "classify" or "embed".
        architecture: Such as "GPT2LMHeadModel", or "Bert*".
    """
    filters = [f"--label={_label(key, value)}" for key, value in _checked_labels(labels, may_be_none=True).items()]
    filters += [f"--{flag}={value}" for flag, value in (("task", task), ("architecture", architecture))
                if value is not None]
    names = [] if name is None else [str(name)]
    return [_read(pathlib.Path(line)) for line in _chorus("list", "-o", "path", *filters, "--", *names).splitlines()]


def get(tag: str | Tag) -> Model:
    """The model of "NAME:VERSION", or of "NAME" or "NAME:latest" the version last saved. StoreError without one."""
    model = _read(pathlib.Path(_chorus("get", "-o", "path", "--", str(tag)).rstrip("\n")))
    _asked[str(tag)] = model.path
    return model


def delete(tag: str | Tag, *, force: bool = False) -> None:
    """Deletes one model; with `force` also one that a bundle needs."""
    _chorus("delete", "--yes", *(["--force"] if force else []), "--", str(tag))


def import_(path: str | os.PathLike[str], tag: str | Tag | None = None, *, labels: Mapping[str, str] | None = None,
            metadata: Mapping[str, Any] | None = None, source: str | None = None,
            licence: str | None = None, native_code: str | None = None) -> Model:
    """Saves a Hugging Face folder, or what export wrote. A runner loads it and answers once before it is there.

    Args:
        tag: "NAME:VERSION"; with NAME alone the version is made of the content. What export wrote needs none.
        labels: For people and programs, as `chorus models list --label` finds them.
        metadata: Whatever JSON has.
        source: Where it comes from, such as "openai-community/gpt2@COMMIT".
        licence: Such as "mit"; without it what the folder's README.md says at its beginning.
        native_code: The SHA-256 of the code that a compiled model brings, its model.pt2, which runs with your rights:
            whoever made it must be trusted. Without it a model that brings code is refused.
    """
    arguments = [f"--label={_label(key, value)}" for key, value in _checked_labels(labels).items()]
    for flag, text in (("source", source), ("licence", licence), ("metadata", _json(metadata)),
                       ("native_code", native_code)):
        if text is not None:
            arguments.append(f"--{flag}={text}")
    said = _chorus("import", *arguments, "--", os.path.abspath(path), *([] if tag is None else [str(tag)]))
    saved = re.search(r"([A-Za-z0-9][A-Za-z0-9._-]*:[A-Za-z0-9][A-Za-z0-9._-]*)", said)
    if saved is None:
        raise StoreError(f"chorus models import does not say what it saved: {said}")
    return get(saved[1])


def export(tag: str | Tag, path: str | os.PathLike[str]) -> pathlib.Path:
    """Writes a model to the file `path`, or to NAME-VERSION.tar.gz in the folder `path`; import_ reads it."""
    model = get(tag)
    _chorus("export", "--", str(model.tag), os.path.abspath(path))
    written = pathlib.Path(path)
    return written / f"{model.tag.name}-{model.tag.version}.tar.gz" if written.is_dir() else written


def save_model(name: str | Tag, pipeline_or_model: Any = None, tokenizer: Any = None,
               labels: Mapping[str, str] | None = None, metadata: Mapping[str, Any] | None = None, *,
               compile: bool = False, pipeline: Any = None, signatures: Mapping[str, Any] | None = None,
               **others: Any) -> Tag:
    """Saves a transformers pipeline, or a model with its tokenizer, into the store.

    The model's own save_pretrained writes it: weights as safetensors, configuration, generation_config.json and the
    tokenizer's files. A runner then loads it and answers once, so that what cannot be served is refused here.

    Args:
        name: "NAME", whose version is then made of the content, or "NAME:VERSION".
        pipeline_or_model: What has a `model` and a `tokenizer`, or a `save_pretrained`.
        tokenizer: Of a model; of a pipeline in place of its own.
        labels: For people and programs.
        metadata: Whatever JSON has.
        compile: Compiles a generator, a classifier, or an encoder that gives hidden states, of an architecture that
            Chorus does not run by itself, with torch.export and AOTInductor; it takes a C++ compiler, and minutes. What
            comes into the store is native code for this machine's kind of CPU, for this version of torch, and for the
            device and the dtype that the model has now. It runs in the runner with your rights.
        pipeline: BentoML's name of pipeline_or_model.
        signatures: BentoML's, of "__call__" alone, which is what `run` calls; a runner always batches.

    Returns:
        The tag; "NAME:latest" is now this version.

    Raises:
        StoreError: The model is of no architecture that Chorus runs, or the version is there and is another model.
        ChorusError: The model cannot be compiled, or its weights are quantised, or not there (on the device meta).
        TypeError: It is no pipeline or model, or an argument is one of BentoML's that has no meaning here.
    """
    for argument, value in others.items():
        if argument not in _BENTOML:
            raise _protos.unknown_name("save_model", argument, _SAVE_MODEL)
        if value is not None:
            raise TypeError(f"{argument} of BentoML is not here: {_BENTOML[argument]}")
    if not set(signatures or ()) <= {"__call__"}:
        raise TypeError("signatures: a runner has run and async_run, which are BentoML's __call__, and no "
                        + ", ".join(signatures or ()))
    if pipeline is not None:
        if pipeline_or_model is not None:
            raise TypeError("pipeline and pipeline_or_model are the same argument: one of them")
        pipeline_or_model = pipeline
    model: Any = pipeline_or_model
    if hasattr(model, "model") and hasattr(model, "tokenizer"):  # A LlamaForCausalLM has a `model`, too.
        model, tokenizer = model.model, tokenizer or model.tokenizer
    if not hasattr(model, "save_pretrained"):
        raise TypeError(f"save_model takes a pipeline or a model of transformers: {type(pipeline_or_model).__name__}")
    if tokenizer is None:
        raise TypeError("a model is saved with its tokenizer: save_model(name, model, tokenizer)")
    if not hasattr(tokenizer, "save_pretrained"):
        raise TypeError("tokenizer: must be a tokenizer of transformers, such as AutoTokenizer.from_pretrained gives: "
                        f"{type(tokenizer).__name__}")
    _checked_labels(labels)
    _json(metadata)
    _saving.check(model)
    compiled = _compile_generator.prepare(model, tokenizer) if compile else None
    with tempfile.TemporaryDirectory(prefix="chorus-save-") as name_of_folder:
        folder = pathlib.Path(name_of_folder)
        _saving.write(model, folder, **({"max_shard_size": "1TB"} if compiled else {}))
        _saving.write(tokenizer, folder)
        native_code = compiled.write(folder) if compiled else None
        return import_(folder, name, labels=labels, metadata=metadata, source=_source(model),
                       native_code=native_code).tag


# Arguments of bentoml.transformers.save_model that have no meaning here, and what to do.
_BENTOML = {
    "custom_objects": "keep such objects in files of your own; metadata takes what JSON has",
    "external_modules": "a model runs without code of its own; put your code beside the service",
    "task_name": "a model does what its architecture is for; leave it out",
    "task_definition": "a model does what its architecture is for; leave it out",
}
_SAVE_MODEL = ("name", "pipeline_or_model", "tokenizer", "labels", "metadata", "compile", "pipeline", "signatures",
               *_BENTOML)


def _source(model: Any) -> str | None:
    """"gpt2@COMMIT" of a model that came from a hub."""
    repository = getattr(model, "name_or_path", "")
    commit = getattr(getattr(model, "config", None), "_commit_hash", None)
    return f"{repository}@{commit}" if isinstance(commit, str) and isinstance(repository, str) and repository else None


def _checked_labels(labels: Mapping[str, str | None] | None, may_be_none: bool = False) -> Mapping[str, str | None]:
    """TypeError if they are none."""
    if labels is None:
        return {}
    if not isinstance(labels, Mapping) or not all(
            isinstance(key, str) and (isinstance(value, str) or value is None and may_be_none)
            for key, value in labels.items()):
        raise TypeError(f"labels: must be a mapping of texts, such as {{'team': 'nlp'}}: {labels!r}")
    return labels


def _label(key: str, value: str | None) -> str:
    return key if value is None else f"{key}={value}"


def _json(metadata: Mapping[str, Any] | None) -> str | None:
    """TypeError or ValueError if it is nothing that JSON has."""
    if not metadata:
        return None
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata: must be a mapping: {type(metadata).__name__}")
    try:
        return json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"metadata: {error}") from None


def _read(path: pathlib.Path) -> Model:
    manifest = json.loads((path / "manifest.json").read_bytes())
    return Model(Tag(manifest["name"], manifest["version"]), path, manifest)


def _chorus(*arguments: str) -> str:
    program = _programs.find("chorus")
    result = subprocess.run([program, "models", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        said = result.stderr.strip() or f"exit status {result.returncode}"
        raise StoreError("\n".join(line.removeprefix("chorus: ") for line in said.splitlines()))
    return result.stdout

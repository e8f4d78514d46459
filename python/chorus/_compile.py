"""Compiles a model of transformers ahead of time, for a runner of libtorch.

torch.export makes a graph of the model, in which the number of texts and of tokens is open, and AOTInductor native code
of that: model.pt2. The weights stay in model.safetensors, and config.json says how the code is called, in its object
chorus_compiled (runner_server/model/compiled_model.h). Encoders are here, generators in _compile_generator.
"""
from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import inspect
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from chorus.exceptions import ChorusError

NATIVE_CODE = "model.pt2"

_MOST_TEXTS = 65536  # --max_sequences of a runner.
_CONTEXT = 512  # Of a model without a most number of positions.
_MODEL = "model."  # What stands before the names of weights in the code.
_TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}  # Of the largest value.
# What a compiler makes use of, as /proc/cpuinfo names it.
_CPU_FLAGS = re.compile(r"s?sse|avx|fma|f16c|bmi|abm|movbe|popcnt|v?aes|v?pclmul|gfni|sha|adx|amx|asimd|sve|bf16|i8mm")


class Compiled:
    """A model that can be compiled: how it is called, and what it gives."""

    output: str  # What comes out, as chorus_compiled spells it.
    context_size: int  # Most tokens of one text.
    num_values: int  # Of a text.

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """ChorusError says why the model cannot be compiled."""
        try:
            self.torch: Any = importlib.import_module("torch")
        except ImportError as error:
            raise ChorusError(f"compile=True needs torch, which cannot be imported: {error}") from error
        self.model = model
        self.name = type(model).__name__
        if not hasattr(model, "forward"):
            raise self._refusal("it is no module of torch")
        self.config = model.config
        self.device = model.device
        self.dtype = str(model.dtype).removeprefix("torch.")
        if self.dtype not in _TOLERANCE:
            raise self._refusal(f"its dtype is {self.dtype}, not one of " + ", ".join(_TOLERANCE))
        self.vocab_size = int(model.get_input_embeddings().weight.shape[0])
        self.accepted = inspect.signature(model.forward).parameters
        with self._evaluating():
            self._examine(tokenizer)

    def _examine(self, tokenizer: Any) -> None:
        """Finds out how the model is called and what it gives."""
        raise NotImplementedError

    def _export(self) -> Any:
        """The graph."""
        raise NotImplementedError

    def _check(self, code: Any) -> None:
        """Refuses the model if the code computes something else than it does."""
        raise NotImplementedError

    def _fields(self) -> dict[str, Any]:
        """What chorus_compiled has for this kind of model alone."""
        raise NotImplementedError

    def _refusal(self, why: str) -> ChorusError:
        return ChorusError(f"{self.name} cannot be compiled: {why}")

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.model.training
        self.model.eval()
        try:
            with self.torch.no_grad():
                yield
        finally:
            self.model.train(was_training)

    def write(self, folder: pathlib.Path) -> str:
        """Adds the code to a folder into which the model was saved. Returns its SHA-256."""
        path = folder / NATIVE_CODE
        try:
            with self._evaluating():
                graph = self._export()
                self._compile(graph, path)
                same_weights = self._store_weights(self._load(graph, path), folder / "model.safetensors")
        except ChorusError:
            raise
        except Exception as error:  # Of torch, which has many, and pages of words.
            raise self._refusal(str(error).strip().partition("\n")[0]) from error
        config = json.loads((folder / "config.json").read_text())
        config["chorus_compiled"] = {
            "torch": self.torch.__version__.split("+")[0], "device": self.device.type, "cpu_flags": _cpu_flags(),
            "dtype": self.dtype, "vocab_size": self.vocab_size, "context_size": self.context_size,
            "output": self.output, "num_values": self.num_values, **self._fields()}
        if same_weights:
            config["chorus_compiled"]["same_weights"] = same_weights
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _module(self, forward: Any) -> Any:
        """A module of this forward pass, which holds the model."""
        module = type("Module", (self.torch.nn.Module,), {"forward": forward})()
        module.model = self.model
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.contiguous()  # As a file has it.
        return module.eval()

    def _compile(self, graph: Any, path: pathlib.Path) -> None:
        self.torch._inductor.aoti_compile_and_package(graph, package_path=str(path), inductor_configs={
            "aot_inductor.package_constants_in_so": False,
            "aot_inductor.link_libtorch": False,  # The runner has it.
            "aot_inductor.enable_line_tables": False,
            "cpp.dynamic_threads": True})

    def _load(self, graph: Any, path: pathlib.Path) -> dict[str, Any]:
        """The weights of the code, by their names in it, after a look whether it computes what the model does."""
        library = pathlib.Path(self.torch.__file__).parent / "lib/libtorch_cpu.so"
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
        code = self.torch._inductor.aoti_load_package(str(path))
        weights = {name: graph.state_dict[name] if name in graph.state_dict else graph.constants[name]
                   for name in code.get_constant_fqns()}
        code.load_constants(weights, check_full_update=True)
        self._check(code)
        return weights

    def _store_weights(self, weights: dict[str, Any], path: pathlib.Path) -> dict[str, str]:
        """Adds what save_pretrained leaves away, such as buffers that are always the same.

        Returns, for the name of a weight of which a file has another's name alone, as of a tied one, that."""
        files = importlib.import_module("safetensors.torch")
        tensors = files.load_file(path)
        stored = {(tensor.data_ptr(), tensor.shape, tensor.stride()): name
                  for name, tensor in self.model.state_dict(keep_vars=True).items() if name in tensors}
        same, is_whole = {}, True
        for name, tensor in ((name.removeprefix(_MODEL), tensor) for name, tensor in weights.items()):
            other = stored.get((tensor.data_ptr(), tensor.shape, tensor.stride()))
            if name in tensors:
                continue
            if other is not None:
                same[name] = other
            else:
                tensors[name], is_whole = tensor.detach().cpu().contiguous().clone(), False
        if not is_whole:
            files.save_file(tensors, path, metadata={"format": "pt"})
        return same

    def _is_near(self, ours: Any, theirs: Any) -> bool:
        """Whether values of a text are, or its tokens' hidden states, of which `ours` may have more, of padding."""
        ours = ours[:theirs.shape[0]].float()
        most = float(theirs.float().abs().max())
        return float((ours - theirs.float()).abs().max()) <= _TOLERANCE[self.dtype] * max(most, 1e-6)


class Encoder(Compiled):
    """A classifier of texts, or a model that gives their hidden states."""

    def _examine(self, tokenizer: Any) -> None:
        self.padding_id = next((number for number in (self.config.pad_token_id, tokenizer.pad_token_id)
                                if number is not None), 0)
        self.token_types = 1
        if {"input_ids", "attention_mask"} - self.accepted.keys() or getattr(self.config, "is_encoder_decoder", False):
            raise self._refusal("it is no encoder of texts")
        if "token_type_ids" in self.accepted and "token_type_ids" in tokenizer.model_input_names:
            self.token_types = max(1, getattr(self.config, "type_vocab_size", 1))
        self.inputs = ["input_ids", "attention_mask", "token_type_ids"][:2 if self.token_types == 1 else 3]
        self._find_output()
        self._find_context(tokenizer.model_max_length)
        self._check_padding()

    def _find_output(self) -> None:
        out = self._call([3])
        if "logits" in out and out["logits"].dim() == 2:
            self.output, self.field = "logits", "logits"
        elif "logits" not in out and "last_hidden_state" in out:
            self.output, self.field = "hidden_states", "last_hidden_state"
        else:
            raise self._refusal("it neither classifies texts nor gives their hidden states alone; its base_model may")
        self.num_values = int(out[self.field].shape[-1])

    def _find_context(self, most: int) -> None:
        positions = getattr(self.config, "max_position_embeddings", None) or _CONTEXT
        # Those of RoBERTa's kin begin behind the padding's.
        for length in (positions, positions - self.padding_id - 1):
            self.context_size = min(length, most)
            try:
                self._call([self.context_size])
                return
            except (IndexError, RuntimeError):
                continue
        raise self._refusal(f"it reads no text of max_position_embeddings tokens, {positions}")

    def _check_padding(self) -> None:
        lengths = self._lengths()
        together = self._call(lengths)[self.field]
        for i, length in enumerate(lengths):
            if not self._is_near(together[i], self._call([length], first=i)[self.field][0]):
                raise self._refusal("what it makes of a text depends on the padding behind it")

    def _export(self) -> Any:
        inputs, field = self.inputs, self.field

        def forward(module: Any, *values: Any) -> Any:
            return module.model(**dict(zip(inputs, values)), return_dict=True)[field].float()

        module = self._module(forward)
        dim = self.torch.export.Dim
        sizes = {0: dim("texts", min=1, max=_MOST_TEXTS), 1: dim("tokens", min=1, max=self.context_size)}
        return self.torch.export.export(module, self._inputs([7, 5]), dynamic_shapes=((sizes,) * len(inputs),),
                                        strict=False)

    def _check(self, code: Any) -> None:
        for lengths in (self._lengths(), [1], [2], [self.context_size]):
            together = code(*self._inputs(lengths))
            for i, length in enumerate(lengths):
                if not self._is_near(together[i], self._call([length], first=i)[self.field][0]):
                    raise self._refusal("the code computes something else")

    def _fields(self) -> dict[str, Any]:
        return {"token_types": self.token_types, "padding_id": self.padding_id}

    def _lengths(self) -> list[int]:
        return [min(length, self.context_size) for length in (9, 2, 17, 5)]

    def _inputs(self, lengths: list[int], first: int = 0) -> tuple[Any, ...]:
        """Texts of these lengths, padded; `first` says which of the possible ones the first is."""
        torch, shape = self.torch, (len(lengths), max(lengths))
        ids = torch.full(shape, self.padding_id)
        mask = torch.zeros(shape, dtype=torch.int64)
        for i, length in enumerate(lengths):
            text = (torch.arange(length) * 37 + 11 * (first + i)) % self.vocab_size
            ids[i, :length] = torch.where(text == self.padding_id, (self.padding_id + 1) % self.vocab_size, text)
            mask[i, :length] = 1
        values = (ids, mask, torch.zeros_like(mask))[:len(self.inputs)]
        return tuple(value.to(self.device) for value in values)

    def _call(self, lengths: list[int], first: int = 0) -> Any:
        return self.model(**dict(zip(self.inputs, self._inputs(lengths, first))), return_dict=True)


def _cpu_flags() -> list[str]:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return sorted(flag for flag in flags.split() if _CPU_FLAGS.match(flag))
    return []

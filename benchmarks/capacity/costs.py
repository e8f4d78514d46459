"""What steps of a model cost: a profile, as calibrate.py measures it, for one dtype and number of threads a replica."""
import dataclasses
import json

# Sizes of a step at which its time is known; between two of them it is a straight line.
KNOTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


@dataclasses.dataclass(frozen=True)
class Model:
    seconds: list        # Of a step, by its tokens, at KNOTS. Of a generator: of one prompt, its attention in it.
    choosing: list       # What it takes besides, by the number of sequences that get a token in it, at KNOTS.
    per_key: float       # Besides, for each key that a decoding token attends to; of classifiers, for each pair of a
                         # text's tokens.
    beside: list         # By tokens, at KNOTS: how many times as long it takes while the other cores are busy.
    classifier: bool
    memory_bytes: int    # Of a replica that has loaded the model.
    kv_bytes_per_token: int = 0
    max_sequences: int = 32
    device: str = ""     # The accelerator it was measured on, of which a replica has one to itself; empty: the CPU.


@dataclasses.dataclass(frozen=True)
class Profile:
    cpu: str
    dtype: str
    threads: int               # Of a replica.
    models: dict               # Runner as the graph names it -> Model.
    gateway_per_request: float  # CPU seconds of api_server for a request, and
    gateway_per_token: float    # for each token that a runner sends it.
    runner_per_token: float     # CPU seconds of a runner for each token that it sends, its steps aside.

    def with_models_of(self, other):
        """The same, with the costs that the other has for models that both know: as where these run on a GPU."""
        if unknown := set(other.models) - set(self.models):
            raise ValueError(f"no such runner as {', '.join(sorted(unknown))}: there are {', '.join(self.models)}")
        return dataclasses.replace(self, models={**self.models, **other.models})

    def save(self, path):
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path):
        fields = json.loads(path.read_text())
        return cls(**{**fields, "models": {name: Model(**model) for name, model in fields["models"].items()}})

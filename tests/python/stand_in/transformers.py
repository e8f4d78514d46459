"""What save_model uses of a transformers pipeline, where that is not installed: torch is 3 GB.

A pipeline here is a folder, and save_pretrained copies of it what transformers would write of the loaded model.
"""
import pathlib
import shutil

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt")


class _Saved:
    def __init__(self, folder, is_tokenizer):
        self.folder = pathlib.Path(folder)
        self.is_tokenizer = is_tokenizer

    def save_pretrained(self, folder):
        for path in self.folder.iterdir():
            if (path.name in TOKENIZER_FILES) == self.is_tokenizer:
                shutil.copy(path, folder)


class Pipeline:
    def __init__(self, task, model, tokenizer):
        self.task = task
        self.model = _Saved(model, is_tokenizer=False)
        self.tokenizer = _Saved(tokenizer or model, is_tokenizer=True)


def pipeline(task, model, tokenizer=None):
    return Pipeline(task, model, tokenizer)

"""Prints pipelines.json: what transformers' pipelines are called with, and what they return, for pipelines_test.py.

    pip install transformers==4.57.6 torch      # 3 GB
    python tests/python/pipelines_table.py >tests/python/pipelines.json

A result of null is a refusal. "Hi…" is a generated text that begins with the prompt, and "POSITIVE of Hi|A" a label with
the score of the pair Hi and A. The demo classifier finds all of the texts here positive.
"""
import ast
import inspect
import json
import pathlib
import warnings

DEMO = pathlib.Path(__file__).resolve().parents[2] / "models/demo"

GENERATE = [
    "'Hi'", "['Hi']", "['Hi', 'A']", "('Hi', 'A')", "('Hi',)", "{'text': 'Hi'}", "[['Hi', 'A']]", "[('Hi', 'A')]", "None",
    "3", "b'Hi'", "['Hi', 3]"]
CLASSIFY = [
    "'Hi'", "['Hi']", "['Hi', 'A']", "[]", "{'text': 'Hi'}", "{'text': 'Hi', 'text_pair': 'A'}", "[{'text': 'Hi'}]",
    "[{'text': 'Hi', 'text_pair': 'A'}]", "['Hi', {'text': 'Hi', 'text_pair': 'A'}, 'A']",
    "[{'text': 'Hi', 'text_pair': 'A'}, {'text': 'A'}]", "[[['Hi', 'A']]]", "[[['Hi', 'A']], [['A', 'Hi']]]",
    "['Hi', [['Hi', 'A']]]", "[['Hi', 'A']]", "[['Hi']]", "[[('Hi', 'A')]]", "({'text': 'Hi'},)", "('Hi', 'Hi A')",
    "{'text_pair': 'A'}", "{}", "None", "3", "('Hi', 'A')", "('Hi',)", "[('Hi', 'A')]", "{'text': ['Hi', 'A']}"]
OF_GENERATE = [
    {"return_full_text": False}, {"return_text": True}, {"clean_up_tokenization_spaces": False}, {"truncation": False},
    {"skip_special_tokens": True}, {"add_special_tokens": True}, {"tokenizer_encode_kwargs": {}}, {"min_length": 0},
    {"num_beams": 1}, {"renormalize_logits": True}, {"continue_final_message": False}, {"prefix": ""}]
OF_CLASSIFY = [
    {"text_pair": ["A"]}, {"return_all_scores": False}, {"function_to_apply": "SOFTMAX"}, {"truncation": "only_first"},
    {"truncation": "do_not_truncate"}, {"padding": True}, {"split_special_tokens": True}, {"function_to_apply": "odds"}]
PAIRED = ["'Hi'", "['Hi', 'A']", "{'text': 'Hi', 'text_pair': 'A'}"]
CALLS = [
    *(("generate", inputs, {}) for inputs in GENERATE),
    *(("generate", inputs, {"num_return_sequences": 2, "do_sample": True}) for inputs in ("'Hi'", "['Hi', 'A']")),
    *(("generate", "'Hi'", arguments) for arguments in OF_GENERATE),
    *(("classify", inputs, arguments) for inputs in CLASSIFY for arguments in ({}, {"top_k": 1}, {"top_k": None})),
    *(("classify", inputs, {"text_pair": "A"}) for inputs in PAIRED),
    *(("classify", "'Hi'", arguments) for arguments in OF_CLASSIFY),
]
# transformers makes a batch of these, of which it returns the first text's result.
FIRST_ALONE = ["('Hi', 'A')", "('Hi',)", "[('Hi', 'A')]", "{'text': ['Hi', 'A']}"]


def names(*functions):
    found = {name: each.kind for function in functions for name, each in inspect.signature(function).parameters.items()}
    return {name for name, kind in found.items() if name != "self" and kind not in (inspect.Parameter.VAR_KEYWORD,
                                                                                    inspect.Parameter.VAR_POSITIONAL)}


def main():
    import transformers
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    call = names(transformers.Pipeline.__call__)
    tokenizer = names(transformers.PreTrainedTokenizerBase.__call__) | {"split_special_tokens"}
    generation, classification, features = (names(each._sanitize_parameters) for each in (
        transformers.TextGenerationPipeline, transformers.TextClassificationPipeline,
        transformers.FeatureExtractionPipeline))
    config = {name for name in vars(transformers.GenerationConfig()) if not name.startswith("_")}
    generate = names(transformers.GenerationMixin.generate) | {"tokenizer", "assistant_tokenizer"}
    arguments = {
        "generate": call | generation | config | generate | {"padding", "add_special_tokens", "text_inputs"},
        "classify": call | classification | tokenizer, "embed": call | features | tokenizer}

    generator = transformers.pipeline("text-generation", model=str(DEMO / "gpt2"))
    classifier = transformers.pipeline("text-classification", model=str(DEMO / "bert-sst2"))
    scores = {}
    for text in ("Hi", "A", "Hi A"):
        for pair in (None, "Hi", "A"):
            for label in classifier({"text": text, **({"text_pair": pair} if pair else {})}, top_k=None):
                scores[label["label"], label["score"]] = text + (f"|{pair}" if pair else "")
    assert len(scores) == 18, scores

    def shown(result, prompt):
        if isinstance(result, list):
            of_each = prompt if isinstance(prompt, list) else [prompt] * len(result)
            return [shown(each, of_one) for each, of_one in zip(result, of_each, strict=True)]
        if list(result) == ["generated_text"]:
            return prompt + "…" if result["generated_text"].startswith(prompt) else "…"
        assert list(result) == ["label", "score"], result
        return f"{result['label']} of {scores[result['label'], result['score']]}"

    calls = []
    for task, inputs, options in CALLS:
        value = ast.literal_eval(inputs)
        try:
            if task == "generate":
                result = generator(value, max_new_tokens=2, **{"do_sample": False, **options})
            else:
                result = classifier(value, **options)
        except (TypeError, ValueError, KeyError):
            result = None
        made = {"task": task, "inputs": inputs, "arguments": options,
                "result": result and shown(result, value if task == "generate" else None)}
        if task == "classify" and inputs in FIRST_ALONE:
            made["of_the_first_alone"] = True
        calls.append(made)
    print(f'{{\n "transformers": "{transformers.__version__}",\n "arguments": {{')
    print(",\n".join(f'  "{task}": {json.dumps(sorted(each))}' for task, each in arguments.items()) + "\n },")
    print(' "calls": [\n' + ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in calls) + "\n ]\n}")


if __name__ == "__main__":
    main()

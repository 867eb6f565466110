"""SmolLM2's vocabulary and chat template out of its GGUF, in the `tokenizers` library.

`AutoTokenizer.from_pretrained(..., gguf_file=...)` of transformers 5.0.0rc1 fails, and its GGUF conversion leaves
out the splitting of digits; so the pre-tokenizer `smollm` is put together here: single digits, then byte level.
"""

from gguf import GGUFReader
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL = 3  # token type in GGUF


class Vocabulary:
    def __init__(self, gguf_path):
        fields = GGUFReader(gguf_path).fields

        def read(key):
            return fields[key].contents()

        if read("tokenizer.ggml.pre") != "smollm":
            raise SystemExit("this recording knows the pre-tokenizer 'smollm' only")
        pieces, types = read("tokenizer.ggml.tokens"), read("tokenizer.ggml.token_type")
        merges = [tuple(merge.split(" ")) for merge in read("tokenizer.ggml.merges")]
        self.tokenizer = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=merges))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ])
        self.tokenizer.decoder = decoders.ByteLevel()
        self.tokenizer.add_special_tokens(
            [AddedToken(p, special=True, normalized=False) for p, t in zip(pieces, types) if t == CONTROL])
        self.stop_ids = {self.tokenizer.token_to_id(p) for p in ("<|endoftext|>", "<|im_end|>")}
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self.template = environment.from_string(read("tokenizer.chat_template"))

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prompt_text(self, prompt):
        if "text" in prompt:
            return prompt["text"]
        return self.template.render(messages=prompt["messages"], add_generation_prompt=True)

"""The float model: transformers reads the GGUF, so these are its dequantised weights in fp32."""

import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


class FloatModel:
    def __init__(self, gguf_path):
        # transformers 5.0.0rc1 wants a generation_config.json beside the GGUF: a folder of our own has both.
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model.gguf").symlink_to(Path(gguf_path).resolve())
            (Path(folder) / "generation_config.json").write_text("{}")
            loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32)
        self.model = loaded.eval()

    @torch.no_grad()
    def log_probs(self, ids):
        """Log-probabilities (double) after each of `ids`: [len(ids), vocabulary]."""
        logits = self.model(torch.tensor([ids])).logits[0]
        return torch.log_softmax(logits.double(), dim=-1).numpy()

    @torch.no_grad()
    def greedy(self, prompt_ids, count, stop_ids):
        """The greedy answer's ids, a stop token included."""
        answer, past = [], None
        feed = torch.tensor([prompt_ids])
        while len(answer) < count:
            out = self.model(feed, past_key_values=past, use_cache=True)
            past = out.past_key_values
            answer.append(int(out.logits[0, -1].argmax()))
            if answer[-1] in stop_ids:
                break
            feed = torch.tensor([[answer[-1]]])
        return answer

    def window(self, ids):
        """Log-probabilities after positions len(ids) / 2 ... len(ids) - 2, and those of the tokens that follow."""
        first = len(ids) // 2
        rows = self.log_probs(ids)[first:-1]
        return rows, rows[range(len(rows)), ids[first + 1:]]

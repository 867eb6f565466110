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

    def perplexity(self, ids, context):
        """As llama-perplexity counts: whole chunks of `context`, each on its own, the second half scored."""
        total, count = 0.0, 0
        first = context // 2
        for start in range(0, len(ids) - context + 1, context):
            chunk = [int(i) for i in ids[start:start + context]]
            log_probs = self.log_probs(chunk)
            for at in range(first, context - 1):
                total -= log_probs[at, chunk[at + 1]]
                count += 1
        return float(torch.tensor(total / count, dtype=torch.float64).exp()), count

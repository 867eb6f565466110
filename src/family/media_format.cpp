// As the families' processors expand their placeholders; the more particular rows first.
#include "family/media_format.h"

#include <algorithm>

namespace etb::family {
namespace {

using media::Kind;
using Texts = std::string_view[];

constexpr Texts kGemma3n = {"<start_of_image>", "<end_of_image>", "<image_soft_token>",
                            "<audio_soft_token>"};
constexpr Texts kGemma3 = {"<start_of_image>", "<end_of_image>"};
constexpr Texts kSmolVlm = {"<fake_token_around_image>", "<global-img>", "<image>"};
constexpr Texts kLfm2 = {"<|image_start|>", "<|image_end|>", "<image>"};
constexpr Texts kInternVl = {"<img>", "</img>", "<IMG_CONTEXT>"};
constexpr Texts kQwenVl = {"<|vision_start|>", "<|vision_end|>", "<|image_pad|>"};
constexpr Texts kPhi4Image = {"<|endoftext10|>"};
constexpr Texts kLlava = {"<image>"};
constexpr Texts kGemma3nAudio = {"<start_of_audio>", "<end_of_audio>", "<audio_soft_token>"};
constexpr Texts kVoxtral = {"[BEGIN_AUDIO]", "[AUDIO]"};
constexpr Texts kQwenAudio = {"<|audio_bos|>", "<|audio_eos|>", "<|AUDIO|>"};
constexpr Texts kGraniteSpeech = {"<|audio|>"};
constexpr Texts kPhi4Audio = {"<|endoftext11|>"};

constexpr MediaFormat kFormats[] = {
    {.name = "gemma-3n",
     .tokens = kGemma3n,
     .placeholder = "<image_soft_token>",
     .before = "\n\n<start_of_image>",
     .after = "<end_of_image>\n\n"},
    {.name = "gemma-3",
     .tokens = kGemma3,
     .placeholder = "<start_of_image>",
     .before = "\n\n<start_of_image>",
     .after = "<end_of_image>\n\n"},
    {.name = "smolvlm",
     .tokens = kSmolVlm,
     .placeholder = "<image>",
     .before = "<fake_token_around_image><global-img>",
     .after = "<fake_token_around_image>"},
    {.name = "lfm2-vl",
     .tokens = kLfm2,
     .placeholder = "<image>",
     .before = "<|image_start|>",
     .after = "<|image_end|>"},
    {.name = "internvl",
     .tokens = kInternVl,
     .placeholder = "<IMG_CONTEXT>",
     .before = "<img>",
     .after = "</img>"},
    // The template writes what stands around them itself.
    {.name = "qwen-vl", .tokens = kQwenVl, .placeholder = "<|image_pad|>"},
    {.name = "phi-4-multimodal", .tokens = kPhi4Image, .placeholder = "<|endoftext10|>"},
    {.name = "llava", .tokens = kLlava, .placeholder = "<image>"},
    {.name = "gemma-3n",
     .kind = Kind::Audio,
     .tokens = kGemma3nAudio,
     .placeholder = "<audio_soft_token>",
     .before = "\n\n<start_of_audio>",
     .after = "<end_of_audio>\n\n"},
    {.name = "voxtral",
     .kind = Kind::Audio,
     .tokens = kVoxtral,
     .placeholder = {},
     .before = "[BEGIN_AUDIO]"},
    {.name = "qwen-audio", .kind = Kind::Audio, .tokens = kQwenAudio, .placeholder = "<|AUDIO|>"},
    {.name = "granite-speech",
     .kind = Kind::Audio,
     .tokens = kGraniteSpeech,
     .placeholder = "<|audio|>"},
    {.name = "phi-4-multimodal",
     .kind = Kind::Audio,
     .tokens = kPhi4Audio,
     .placeholder = "<|endoftext11|>"},
};

}  // namespace

std::span<const MediaFormat> media_formats() {
  return kFormats;
}

const MediaFormat* find_media_format(Kind kind, const ModelTraits& traits) {
  const auto found = std::ranges::find_if(kFormats, [&](const MediaFormat& format) {
    return format.kind == kind && std::ranges::all_of(format.tokens, traits.has_token);
  });
  return found == std::end(kFormats) ? nullptr : &*found;
}

}  // namespace etb::family

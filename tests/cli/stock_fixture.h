// Models of tests/references/stock as somebody would publish them: with a tokenizer beside them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/text.h"
#include "cli/cli_fixture.h"

namespace etb::cli_test {

// A tokenizer of 256 tokens, as the test models have: a letter of the byte alphabet each, but that
// bytes no UTF-8 text has make room for special ones.
inline std::string byte_tokenizer() {
  constexpr std::string_view kSpecial[] = {"<unk>", "<s>", "<|im_end|>", "<|im_start|>"};
  std::string vocab, added;
  int id = 0;
  for (const std::string_view text : kSpecial) {
    vocab += concat(id == 0 ? "" : ",", "\"", text, "\":", id);
    added += concat(id == 0 ? "" : ",", "{\"id\":", id, ",\"content\":\"", text,
                    "\",\"special\":true,\"normalized\":false}");
    ++id;
  }
  int hidden = 0x100;  // bytes that are no letters are shown as characters from here on
  for (int byte = 0; byte < 0xF5; ++byte) {
    const bool shown = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    const int code = shown ? byte : hidden++;
    std::string letter = code == '"' || code == '\\' ? "\\" : "";
    if (code < 0x80) {
      letter += static_cast<char>(code);
    } else {
      letter += static_cast<char>(0xC0 | (code >> 6));
      letter += static_cast<char>(0x80 | (code & 0x3F));
    }
    vocab += concat(",\"", letter, "\":", id++);
  }
  return concat("{\"added_tokens\":[", added,
                "],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{",
                vocab, "},\"merges\":[]}}");
}

class Stock : public CommandLine {
 protected:
  static std::string recorded(const std::string& name) {
    return std::string(ETB_SOURCE_DIR) + "/tests/references/stock/" + name;
  }
  // A folder with a model and its tokenizer.
  std::string published(const std::string& name) {
    std::filesystem::create_directory(file("model"));
    put("model/tokenizer.json", byte_tokenizer());
    return put("model/" + name, read_bytes(recorded(name))).string();
  }
};

}  // namespace etb::cli_test

// Tokenizer keys: what a file that does not say means, and which ids end an answer.
#include "import/vocab_import.h"

#include <gtest/gtest.h>

#include "support/gguf_writer.h"

namespace etb::import {
namespace {

using family::TokenType;
using test::GgufWriter;

// Keeps the bytes that the file points into.
struct Parsed {
  explicit Parsed(const GgufWriter& writer) : bytes(writer.header()) {
    auto result =
        GgufFile::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "m.gguf");
    EXPECT_TRUE(result.ok()) << result.status().to_string();
    if (result.ok()) file = std::move(result).value();
  }
  std::string bytes;
  GgufFile file;
};

GgufWriter bpe(const char* pre = "smollm") {
  GgufWriter writer;
  writer.key_text("tokenizer.ggml.model", "gpt2");
  writer.key_text("tokenizer.ggml.pre", pre);
  writer.key_texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<|im_end|>", "<|eot_id|>", "</s>"});
  writer.key_ints("tokenizer.ggml.token_type", {1, 1, 1, 3, 4, 1});
  writer.key_texts("tokenizer.ggml.merges", {"a b"});
  return writer;
}

const family::FamilyRow& llama() {
  return *family::find_family("llama");
}

TEST(VocabImport, ReadsWhatTheFileSays) {
  GgufWriter writer = bpe();
  writer.key_u32("tokenizer.ggml.bos_token_id", 0);
  writer.key_u32("tokenizer.ggml.eos_token_id", 3);
  writer.key_bool("tokenizer.ggml.add_bos_token", true);
  const Parsed parsed(writer);
  const auto vocab = read_vocab(parsed.file);
  ASSERT_TRUE(vocab.ok()) << vocab.status().to_string();
  EXPECT_EQ(vocab->kind, family::VocabKind::ByteLevelBpe);
  EXPECT_EQ(vocab->pre, "smollm");
  EXPECT_EQ(vocab->tokens.size(), 6u);
  EXPECT_EQ(vocab->merges, std::vector<std::string>{"a b"});
  EXPECT_EQ(vocab->types[3], TokenType::Control);
  EXPECT_EQ(vocab->ids.bos, TokenId{0});
  EXPECT_TRUE(vocab->add_bos);
  EXPECT_FALSE(vocab->add_space_prefix);
}

TEST(VocabImport, StopIdsComeFromIdsAndFromSpecialTexts) {
  GgufWriter writer = bpe();
  writer.key_u32("tokenizer.ggml.eos_token_id", 2);
  const Parsed parsed(writer);
  const auto tokens = special_tokens(*read_vocab(parsed.file), llama());
  // eos; <|im_end|> and <|eot_id|> by their texts; "</s>" is an ordinary token here.
  EXPECT_EQ(tokens.stop, (std::vector<TokenId>{2, 3, 4}));
  EXPECT_EQ(tokens.eos, TokenId{2});
  EXPECT_FALSE(tokens.bos.has_value());
}

TEST(VocabImport, DefaultsFollowTheKindOfVocabulary) {
  GgufWriter with_bos = bpe("llama-bpe");
  with_bos.key_u32("tokenizer.ggml.bos_token_id", 0);
  EXPECT_TRUE(read_vocab(Parsed(with_bos).file)->add_bos);
  GgufWriter without = bpe("gpt-2");
  without.key_u32("tokenizer.ggml.bos_token_id", 0);
  EXPECT_FALSE(read_vocab(Parsed(without).file)->add_bos);
  EXPECT_FALSE(read_vocab(Parsed(bpe("llama-bpe")).file)->add_bos);  // there is no bos

  GgufWriter pieces;
  pieces.key_text("tokenizer.ggml.model", "llama");
  pieces.key_texts("tokenizer.ggml.tokens", {"<unk>", "<s>"});
  pieces.key_floats("tokenizer.ggml.scores", {0.0f, -1.0f});
  pieces.key_u32("tokenizer.ggml.bos_token_id", 1);
  const Parsed parsed(pieces);
  const auto vocab = read_vocab(parsed.file);
  ASSERT_TRUE(vocab.ok());
  EXPECT_TRUE(vocab->add_bos);
  EXPECT_TRUE(vocab->add_space_prefix);
  EXPECT_EQ(vocab->scores[1], -1.0f);
}

TEST(VocabImport, AnIdOfMinusOneIsNone) {
  GgufWriter writer = bpe();
  writer.key_u32("tokenizer.ggml.padding_token_id", 0xffffffffu);
  const Parsed parsed(writer);
  const auto vocab = read_vocab(parsed.file);
  ASSERT_TRUE(vocab.ok());
  EXPECT_FALSE(vocab->ids.pad.has_value());
}

TEST(VocabImport, WhatDoesNotFitIsNamed) {
  const auto refused = [](const GgufWriter& writer, StatusCode code, std::string_view text) {
    const Parsed parsed(writer);
    const Status status = read_vocab(parsed.file).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.message().find(text), std::string_view::npos) << status.to_string();
  };
  refused(GgufWriter(), StatusCode::NotFound, "tokenizer.ggml.model");
  GgufWriter other;
  other.key_text("tokenizer.ggml.model", "t5");
  refused(other, StatusCode::Unsupported, "t5");
  GgufWriter bare;
  bare.key_text("tokenizer.ggml.model", "gpt2");
  refused(bare, StatusCode::NotFound, "tokenizer.ggml.tokens");
  GgufWriter beyond = bpe();
  beyond.key_u32("tokenizer.ggml.eot_token_id", 6);
  refused(beyond, StatusCode::Corrupt, "eot_token_id");
  GgufWriter types = bare;
  types.key_texts("tokenizer.ggml.tokens", {"a"});
  types.key_ints("tokenizer.ggml.token_type", {7});
  refused(types, StatusCode::Corrupt, "token_type");
}

TEST(VocabImport, NoTemplateIsAnEmptyOne) {
  EXPECT_EQ(*read_template(Parsed(bpe()).file), "");
  GgufWriter writer = bpe();
  writer.key_text("tokenizer.chat_template", "{{ messages }}");
  const Parsed parsed(writer);
  EXPECT_EQ(*read_template(parsed.file), "{{ messages }}");
}

}  // namespace
}  // namespace etb::import

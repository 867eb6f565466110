// tokenizer.json by hand-written files: what each component does and what is refused. Whole files
// against Hugging Face's own library: tokenizer_file_test.cpp.
#include "token/tokenizer_json.h"

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "token/text_rules.h"
#include "token/tokenizer.h"

namespace etb::token {
namespace {

using Ids = std::vector<TokenId>;
using Members = std::map<std::string, std::string>;

// A file of its members; those of `changed` replace the usual ones.
std::string file_of(Members members, const Members& changed) {
  for (const auto& [key, value] : changed) members[key] = value;
  std::string out = "{";
  for (const auto& [key, value] : members) {
    out += concat(out.size() > 1 ? "," : "", "\"", key, "\":", value);
  }
  return out + "}";
}

// Byte-level BPE over a, b and the space.
std::string byte_level(const Members& changed = {}) {
  return file_of(
      {{"version", R"("1.0")"},
       {"added_tokens", R"([{"id":5,"content":"<e>","special":true,"normalized":false}])"},
       {"normalizer", "null"},
       {"pre_tokenizer", R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})"},
       {"post_processor", "null"},
       {"decoder", R"({"type":"ByteLevel"})"},
       {"model",
        R"({"type":"BPE","vocab":{"a":0,"b":1,"Ġ":2,"ab":3,"Ġab":4},"merges":["a b","Ġ ab"]})"}},
      changed);
}

// BPE by characters, as Gemma and Llama 2 have it.
std::string by_characters(const Members& changed = {}) {
  return file_of(
      {{"added_tokens", R"([{"id":0,"content":"<unk>","special":true,"normalized":false}])"},
       {"normalizer", R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})"},
       {"decoder", R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},)"
                   R"("content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]})"},
       {"model", R"({"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,)"
                 R"("vocab":{"<unk>":0,"▁":1,"a":2,"b":3,"▁a":4,"<0xC3>":5,"<0xA9>":6},)"
                 R"("merges":[["▁","a"]]})"}},
      changed);
}

Tokenizer open(const std::string& file) {
  const auto vocab = read_tokenizer_json(file);
  EXPECT_TRUE(vocab.ok()) << vocab.status().to_string() << "\n" << file;
  const auto tokenizer = Tokenizer::create(*vocab);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  return *tokenizer;
}

Ids encode(const Tokenizer& tokenizer, std::string_view text) {
  return *tokenizer.encode(text, {.parse_special = true});
}

TEST(TokenizerJson, ByteLevelBpe) {
  const Tokenizer tokenizer = open(byte_level());
  EXPECT_EQ(encode(tokenizer, "ab ab<e>b"), (Ids{3, 4, 5, 1}));
  EXPECT_EQ(*tokenizer.encode("<e>"), (Ids{}))
      << "as text: none of its bytes is in this vocabulary";
  EXPECT_EQ(*tokenizer.decode(Ids{3, 4}), "ab ab");
  EXPECT_EQ(read_tokenizer_json(byte_level())->pre, "gpt-2");
}

TEST(TokenizerJson, MembersInAnyOrderAndMergesInBothSpellings) {
  const Tokenizer pairs = open(byte_level(
      {{"model",
        R"({"merges":[["a","b"],["Ġ","ab"]],"vocab":{"Ġab":4,"ab":3,"Ġ":2,"b":1,"a":0}})"}}));
  EXPECT_EQ(encode(pairs, "ab ab"), (Ids{3, 4}));
}

// More of them than are looked up together; a spelling with an escape does not stand in the file.
TEST(TokenizerJson, ManyMergesWithAndWithoutEscapes) {
  std::string vocab = R"({"type":"BPE","vocab":{"a":0,"b":1)", merges;
  std::string word = "a", escaped = R"(\u0061)";
  for (TokenId id = 2; id < 202; ++id) {
    const bool spelt = id % 3 == 0;
    merges += concat(merges.empty() ? "" : ",", "[\"", spelt ? escaped : word, "\",\"",
                     id % 2 == 0 ? "b" : R"(\u0062)", "\"]");
    word += 'b';
    escaped += R"(\u0062)";
    vocab += concat(",\"", word, "\":", id);
  }
  const auto read = [&](std::string_view more) {
    return read_tokenizer_json(byte_level(
        {{"model", concat(vocab, "},\"merges\":[", merges, more, "]}")}, {"added_tokens", "[]"}}));
  };
  const auto data = read("");
  ASSERT_TRUE(data.ok()) << data.status().to_string();
  ASSERT_EQ(data->merge_ids.size(), 200u);
  for (TokenId i = 0; i < 200; ++i) {
    EXPECT_EQ(data->merge_ids[i].left, i == 0 ? 0 : i + 1);
    EXPECT_EQ(data->merge_ids[i].right, 1u);
    EXPECT_EQ(data->merge_ids[i].merged, i + 2);
  }
  EXPECT_NE(read(R"(,["b","\u0063"])").status().message().find("a piece of 'b c'"),
            std::string::npos);
  EXPECT_EQ(encode(*Tokenizer::create(*data), word), (Ids{201}));
}

TEST(TokenizerJson, IgnoreMergesTakesAWholeWord) {
  const std::string model =
      R"({"type":"BPE","ignore_merges":true,"vocab":{"a":0,"b":1,"Ġ":2,"ab":3},"merges":[]})";
  EXPECT_EQ(encode(open(byte_level({{"model", model}})), "ab"), Ids{3});
}

TEST(TokenizerJson, ByteLevelMayPutASpaceInFront) {
  const Members prefix = {{"pre_tokenizer", R"({"type":"ByteLevel","add_prefix_space":true})"}};
  const Tokenizer tokenizer = open(byte_level(prefix));
  EXPECT_EQ(encode(tokenizer, "ab"), Ids{4});
  EXPECT_EQ(encode(tokenizer, "ab<e>ab"), (Ids{4, 5, 4}));
  EXPECT_EQ(*tokenizer.encode("ab", {.continues = true}), Ids{3});
}

TEST(TokenizerJson, ThePostProcessorSaysWhatStandsAround) {
  const std::string single =
      R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<e>","type_id":0}},)"
      R"({"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<e>":{"id":"<e>","ids":[5]}}})";
  const auto vocab = *read_tokenizer_json(byte_level({{"post_processor", single}}));
  EXPECT_TRUE(vocab.add_bos);
  EXPECT_FALSE(vocab.add_eos);
  EXPECT_EQ(vocab.ids.bos, 5u);
}

TEST(TokenizerJson, AddedTokensMayStandBeyondTheVocabularyAndLeaveHoles) {
  const Tokenizer tokenizer = open(byte_level(
      {{"added_tokens",
        R"([{"id":9,"content":"<x>","special":false,"normalized":false,"rstrip":true}])"}}));
  EXPECT_EQ(tokenizer.vocab_size(), 10u);
  EXPECT_EQ(*tokenizer.encode("a<x>  b"), (Ids{0, 9, 1}));
  EXPECT_EQ(*tokenizer.piece(7), "") << "a hole";
}

TEST(TokenizerJson, ATokenMayWantToStandAlone) {
  const Tokenizer tokenizer = open(byte_level(
      {{"added_tokens",
        R"([{"id":5,"content":"ab","single_word":true,"normalized":false,"special":false}])"}}));
  EXPECT_EQ(*tokenizer.encode("ab aba ab"), (Ids{5, 4, 0, 2, 5}));
}

TEST(TokenizerJson, NormalizedTokensAreFoundBehindTheNormalizer) {
  const Tokenizer tokenizer = open(byte_level(
      {{"normalizer", R"({"type":"Lowercase"})"},
       {"added_tokens", R"([{"id":5,"content":"<E>","special":false,"normalized":true}])"}}));
  EXPECT_EQ(*tokenizer.encode("A<e>B<E>"), (Ids{0, 5, 1, 5}));
}

TEST(TokenizerJson, CharactersWithByteFallback) {
  const Tokenizer tokenizer = open(by_characters());
  EXPECT_EQ(*tokenizer.encode("a aé"), (Ids{2, 4, 5, 6}));
  EXPECT_EQ(*tokenizer.encode("漢字"), Ids{0});
  EXPECT_EQ(*tokenizer.decode(*tokenizer.encode("b a é")), "b a é");
}

TEST(TokenizerJson, UnknownCharactersAreFusedOnlyIfTheFileSaysSo) {
  std::string model = by_characters();
  model.replace(model.find("\"fuse_unk\":true"), 15, "\"fuse_unk\":false");
  EXPECT_EQ(*open(model).encode("漢字"), (Ids{0, 0}));
}

// The token "▁▁" of Gemma: found in text by its marks, and what two spaces become.
TEST(TokenizerJson, ATokenOfMarksIsAPieceOfSpaces) {
  const Tokenizer tokenizer = open(by_characters(
      {{"added_tokens", R"([{"id":0,"content":"<unk>","special":true,"normalized":false},)"
                        R"({"id":3,"content":"▁▁","special":false,"normalized":false}])"},
       {"model", R"({"type":"BPE","unk_token":"<unk>","fuse_unk":true,"vocab":{"<unk>":0,"▁":1,)"
                 R"("a":2,"▁▁":3,"▁a":4},"merges":["▁ a","▁ ▁"]})"}}));
  EXPECT_EQ(*tokenizer.encode("  "), Ids{3});
  EXPECT_EQ(*tokenizer.encode("  a"), (Ids{1, 4})) << "merged";
  EXPECT_EQ(*tokenizer.encode("▁▁a"), (Ids{3, 2})) << "cut out";
  EXPECT_EQ(*tokenizer.decode(Ids{3, 2}), "  a");
}

TEST(TokenizerJson, UnigramWithMetaspace) {
  const std::string metaspace =
      R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true})";
  const Tokenizer tokenizer = open(
      by_characters({{"normalizer", "null"},
                     {"pre_tokenizer", metaspace},
                     {"decoder", metaspace},
                     {"model", R"({"type":"Unigram","unk_id":0,"byte_fallback":false,)"
                               R"("vocab":[["<unk>",0.0],["▁",-3.0],["a",-2.0],["▁a",-2.5]]})"}}));
  EXPECT_EQ(*tokenizer.encode("a a"), (Ids{3, 3}));
  EXPECT_EQ(*tokenizer.encode("ab"), (Ids{3, 0}));
  EXPECT_EQ(*tokenizer.decode(Ids{3, 3}), "a a");
}

struct Refused {
  const char* member;
  const char* value;
  const char* names;
};

TEST(TokenizerJson, WhatIsNotSupportedIsNamed) {
  for (const Refused& refused : std::initializer_list<Refused>{
           {"version", R"("2.0")", "version \"2.0\""},
           {"extra", "{}", "the member.extra {}"},
           {"normalizer", R"({"type":"BertNormalizer"})", "normalizer \"BertNormalizer\""},
           {"normalizer", R"({"type":"NFC","form":1})", "normalizer NFC.form 1"},
           {"normalizer", R"(["NFC"])", "normalizer [...]"},
           {"normalizer", R"({"type":"Replace","pattern":{"Glob":"*"},"content":""})",
            "Replace.pattern"},
           {"pre_tokenizer", R"({"type":"UnicodeScripts"})", "pre_tokenizer \"UnicodeScripts\""},
           {"pre_tokenizer", R"({"type":"Metaspace","replacement":"_"})",
            "Metaspace.replacement \"_\""},
           {"pre_tokenizer", R"({"type":"Split","pattern":{"String":"a"},"behavior":"Swallowed"})",
            "Split.behavior \"Swallowed\""},
           {"pre_tokenizer",
            R"({"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]})",
            "Digits after ByteLevel"},
           {"decoder", "null", "decoder null"},
           {"decoder", R"({"type":"WordPiece"})", "decoder \"WordPiece\""},
           {"decoder", R"({"type":"Fuse"})", "decoder other than ByteLevel"},
           {"post_processor", R"({"type":"BertProcessing"})", "post_processor \"BertProcessing\""},
           {"model", R"({"type":"WordLevel","vocab":{"a":0}})", "model \"WordLevel\""},
           {"model", R"({"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]})", "BPE.dropout"},
           {"model", R"({"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":0},"merges":[]})",
            "end_of_word_suffix \"</w>\""},
           {"model", R"({"type":"Unigram","unk_id":null,"vocab":[["a",0]]})",
            "Unigram.unk_id null"},
           {"added_tokens", R"([{"id":5,"content":"x","color":1}])", "added_tokens.color 1"}}) {
    const auto vocab = read_tokenizer_json(byte_level({{refused.member, refused.value}}));
    ASSERT_FALSE(vocab.ok()) << refused.value;
    EXPECT_EQ(vocab.status().code(), StatusCode::Unsupported) << refused.value;
    EXPECT_NE(vocab.status().message().find(refused.names), std::string_view::npos)
        << vocab.status().message();
  }
}

TEST(TokenizerJson, WhatDoesNotFitTogetherIsCorrupt) {
  for (const char* model :
       {R"({"type":"BPE","vocab":{},"merges":[]})", R"({"vocab":{"a":0,"b":0},"merges":[]})",
        R"({"vocab":{"a":4194304},"merges":[]})", R"({"vocab":{"a":100000},"merges":[]})",
        R"({"vocab":{"a":0},"merges":["a b"]})", R"({"vocab":{"a":0},"merges":["a  a"]})",
        R"({"vocab":{"a":0},"merges":[["a"]]})", R"({"vocab":{"a":0},"merges":[["a","a","a"]]})",
        R"({"vocab":{"a":0},"vocab":{"a":0},"merges":[]})", R"({"vocab":[["a",0,1]]})",
        R"({"vocab":[["a"]]})", R"({"vocab":{"a":0},"unk_token":"b","merges":[]})", "[]", "{"}) {
    const auto vocab = read_tokenizer_json(byte_level({{"model", model}}));
    ASSERT_FALSE(vocab.ok()) << model;
    EXPECT_EQ(vocab.status().code(), StatusCode::Corrupt) << model;
  }
  for (const char* added : {R"([{"content":"x"}])", R"([{"id":0,"content":"x"}])",
                            R"([{"id":4000000,"content":"x"}])", "{}"}) {
    EXPECT_EQ(read_tokenizer_json(byte_level({{"added_tokens", added}})).status().code(),
              StatusCode::Corrupt)
        << added;
  }
  EXPECT_EQ(read_tokenizer_json(R"({"added_tokens":[]})").status().code(), StatusCode::Corrupt);
}

TEST(TokenizerJson, EveryCutIsAnError) {
  for (const std::string& file : {byte_level(), by_characters()}) {
    for (size_t length = 0; length < file.size(); ++length) {
      EXPECT_FALSE(read_tokenizer_json(std::string_view(file).substr(0, length)).ok()) << length;
    }
  }
}

}  // namespace
}  // namespace etb::token

// For tests: reads the files of tests/references/token (record_tokens.py says how they are made):
// small vocabularies, and texts with the ids that other projects' tokenizers gave them.
#pragma once

#include <charconv>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "family/vocab.h"

namespace etb::token {

struct RecordedCase {
  std::string category;
  bool special = false;  // special tokens in the text were read as such
  std::string text;
  std::vector<TokenId> ids;
};

struct RecordedPeer {
  std::string name;  // empty: the cases of a model whose vocabulary is not in the file
  family::VocabData vocab;
  std::vector<RecordedCase> cases;
};

inline std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char kind = text[++i];
    if (kind == 'x') {
      unsigned byte = 0;
      std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : kind;
    }
  }
  return out;
}

inline std::vector<std::string> split_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

inline void read_recorded_line(const std::string& line, RecordedPeer& peer) {
  const std::vector<std::string> f = split_fields(line);
  family::VocabData& vocab = peer.vocab;
  if (f[0] == "vocab") {
    peer.name = f.at(1);
    vocab.kind =
        f.at(2) == "bpe" ? family::VocabKind::ByteLevelBpe : family::VocabKind::SentencePiece;
    vocab.pre = f.at(3);
    vocab.add_space_prefix = f.at(4) == "1";
  } else if (f[0] == "token") {
    const auto type = static_cast<family::TokenType>(std::stoi(f.at(1)));
    const auto id = static_cast<TokenId>(vocab.tokens.size());
    if (f.at(1).find('l') != std::string::npos) vocab.strip_left.push_back(id);
    if (f.at(1).find('r') != std::string::npos) vocab.strip_right.push_back(id);
    const bool unknown = type == family::TokenType::Unknown;
    if (unknown) vocab.ids.unk = id;
    vocab.types.push_back(type);
    vocab.scores.push_back(std::stof(f.at(2)));
    vocab.tokens.push_back(unescape(f.at(3)));
  } else if (f[0] == "merge") {
    vocab.merges.push_back(unescape(f.at(1)));
  } else if (f[0] == "case") {
    RecordedCase recorded{f.at(1), f.at(2) == "1", unescape(f.at(3)), {}};
    const std::string& ids = f.at(4);
    for (const char* at = ids.data(); at < ids.data() + ids.size(); ++at) {
      at = std::from_chars(at, ids.data() + ids.size(), recorded.ids.emplace_back()).ptr;
    }
    peer.cases.push_back(std::move(recorded));
  }
}

// Empty if the file cannot be read.
inline std::vector<RecordedPeer> read_recorded(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<RecordedPeer> peers;
  for (std::string line; std::getline(file, line);) {
    if (peers.empty() || line.starts_with("vocab\t")) peers.emplace_back();
    read_recorded_line(line, peers.back());
  }
  return peers;
}

}  // namespace etb::token

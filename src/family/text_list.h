// Many short texts by number, in one block of memory: a vocabulary has some hundred thousand, and
// a string of its own for each would cost more than reading them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace etb::family {

// Texts that were never set are empty. Precondition: all texts ever put in have less than 4 GiB
// together. Views of texts hold until the next one is put in.
class TextList {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = std::string_view;

    Iterator() = default;
    Iterator(const TextList* list, size_t at) : list_(list), at_(at) {}
    std::string_view operator*() const { return (*list_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return {list_, at_++}; }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const TextList* list_ = nullptr;
    size_t at_ = 0;
  };

  TextList() = default;
  TextList(std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) push_back(text);
  }

  size_t size() const { return spans_.size(); }
  bool empty() const { return spans_.empty(); }
  // Of all texts, and of those they replaced.
  size_t bytes() const { return bytes_.size(); }
  std::string_view operator[](size_t i) const {
    return {bytes_.data() + spans_[i].begin, spans_[i].length};
  }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }
  // The number of the first such text, or size().
  size_t find(std::string_view text) const {
    size_t i = 0;
    while (i < size() && (*this)[i] != text) ++i;
    return i;
  }

  // What operator[] reads, in the order in which it does: for base/ahead.h.
  const void* place(size_t i) const { return spans_.data() + i; }
  const void* text_place(size_t i) const { return bytes_.data() + spans_[i].begin; }

  void reserve(size_t count, size_t bytes) {
    spans_.reserve(count);
    bytes_.reserve(bytes);
  }
  void push_back(std::string_view text) { spans_.push_back(append(text)); }
  void resize(size_t count) { spans_.resize(count); }
  // Makes room for number i, too.
  void set(size_t i, std::string_view text) {
    if (i == size()) return push_back(text);
    if (i > size()) resize(i + 1);
    spans_[i] = append(text);
  }

 private:
  struct Span {
    uint32_t begin = 0, length = 0;
  };

  Span append(std::string_view text) {
    const Span span{static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(text.size())};
    bytes_ += text;
    return span;
  }

  std::string bytes_;
  std::vector<Span> spans_;
};

}  // namespace etb::family

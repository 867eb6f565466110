// Fills a table's linear part from a template that has one function a format and tile size.
#pragma once

#include <utility>

#include "kernels/paths/table.h"

namespace etb::kernels {

// Source: struct with `template <WeightFormat F, size_t kTokens> static void linear(const
// LinearArgs&)`.
template <class Source>
struct LinearTable {
  template <layout::WeightFormat F, size_t... I>
  static constexpr std::array<LinearFn, kTokenTile> row(std::index_sequence<I...>) {
    return {&Source::template linear<F, I + 1>...};
  }
  template <layout::WeightFormat... F>
  static constexpr auto rows() {
    std::array<std::array<LinearFn, kTokenTile>, kFormats> all{};
    ((all[static_cast<size_t>(F)] = row<F>(std::make_index_sequence<kTokenTile>())), ...);
    return all;
  }
  static constexpr auto all() {
    using enum layout::WeightFormat;
    return rows<W4S, W4A, W8S, W8G16, W8A, F32, F16, BF16>();
  }
};

}  // namespace etb::kernels

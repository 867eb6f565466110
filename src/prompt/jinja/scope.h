// Variables of one block of a template, and a pool that hands such scopes out.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "prompt/jinja/ast.h"
#include "prompt/value.h"

namespace etb::prompt::jinja {

struct Scope {
  Scope* parent = nullptr;
  bool captured = false;  // a macro was made here: the scope lives as long as the render
  std::vector<std::pair<Symbol, Value>> variables;

  void set(Symbol symbol, Value value) {
    for (auto& [name, old] : variables) {
      if (name == symbol) {
        old = std::move(value);
        return;
      }
    }
    variables.emplace_back(symbol, std::move(value));
  }

  // In this scope or those around it; null: nowhere. `looked_at` counts the variables passed.
  const Value* find(Symbol symbol, size_t& looked_at) const {
    for (const Scope* scope = this; scope; scope = scope->parent) {
      looked_at += scope->variables.size();
      for (const auto& [name, value] : scope->variables) {
        if (name == symbol) return &value;
      }
    }
    return nullptr;
  }

  void capture() {
    for (Scope* scope = this; scope && !scope->captured; scope = scope->parent) {
      scope->captured = true;
    }
  }
};

class ScopePool {
 public:
  Scope& acquire(Scope* parent, MemoryMeter& meter) {
    if (free_.empty()) {
      meter.live += sizeof(Scope);
      scopes_.push_back(std::make_unique<Scope>());
      free_.push_back(scopes_.back().get());
    }
    Scope& scope = *free_.back();
    free_.pop_back();
    scope.parent = parent;
    return scope;
  }

  void release(Scope& scope) {
    if (scope.captured) return;
    scope.variables.clear();
    free_.push_back(&scope);
  }

 private:
  std::vector<std::unique_ptr<Scope>> scopes_;
  std::vector<Scope*> free_;
};

}  // namespace etb::prompt::jinja

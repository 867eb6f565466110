// Interpreter: walks a parsed template and writes its text. One per render.
#pragma once

#include <string>
#include <string_view>

#include "prompt/jinja/arguments.h"
#include "prompt/jinja/ast.h"
#include "prompt/jinja/runtime.h"
#include "prompt/jinja/scope.h"

namespace etb::prompt::jinja {

class Interpreter {
 public:
  // Both must outlive the interpreter.
  Interpreter(const TemplateTree& tree, Runtime& runtime)
      : tree_(tree), rt_(runtime), root_(scopes_.acquire(nullptr, runtime.meter())) {}

  // A variable that the caller gives, e.g. "messages"; without effect on names the template hides.
  void set_variable(std::string_view name, Value value);
  // The text; what runtime.status() says when it failed.
  Result<std::string> run();

  // Calls a macro that was made in `scope`.
  Value call_macro(const Statement& definition, Scope& scope, const Arguments& arguments);

 private:
  enum class Flow : uint8_t { Normal, Break, Continue };

  // Statements (execute.cpp).
  Flow execute(const Body& body, Scope& scope);
  Flow execute_one(const Statement& statement, Scope& scope);
  Flow execute_if(const Statement& statement, Scope& scope);
  Flow execute_for(const Statement& statement, Scope& scope);
  Flow run_loop(const Statement& statement, Scope& scope, const Value& items, uint32_t depth0);
  Flow execute_with(const Statement& statement, Scope& scope);
  void execute_macro(const Statement& statement, Scope& scope);
  void execute_call_block(const Statement& statement, Scope& scope);
  void execute_filter_block(const Statement& statement, Scope& scope);
  void execute_set_block(const Statement& statement, Scope& scope);
  void assign(const Target& target, Scope& scope, Value value);
  void assign_attribute(const Target& target, Scope& scope, Value value);
  // The text of a body run in a new scope.
  std::string capture(const Body& body, Scope& scope);
  Flow execute_scoped(const Body& body, Scope& scope);
  void emit(std::string_view text);

  // Expressions (evaluate.cpp).
  Value evaluate(const Expr& expr, Scope& scope);
  Value evaluate_name(const Expr& expr, const Scope& scope);
  Value evaluate_list(const Expr& expr, Scope& scope);
  Value evaluate_dict(const Expr& expr, Scope& scope);
  Value evaluate_slice(const Expr& expr, Scope& scope);
  Value evaluate_call(const Expr& expr, Scope& scope, const Value* caller);
  Value evaluate_filter(const Expr& expr, Scope& scope, const Value* innermost);
  Value evaluate_test(const Expr& expr, Scope& scope);
  Value evaluate_chain(const Expr& expr, Scope& scope);
  Value evaluate_concat(const Expr& expr, Scope& scope);
  Value evaluate_compare(const Expr& expr, Scope& scope);
  Value evaluate_logic(const Expr& expr, Scope& scope);
  Value evaluate_choice(const Expr& expr, Scope& scope);
  Arguments evaluate_arguments(const CallArguments& call, Scope& scope);
  void spread_keywords(const Value& source, Arguments& arguments);

  const TemplateTree& tree_;
  Runtime& rt_;
  ScopePool scopes_;
  Scope& root_;
  std::string* out_ = nullptr;
  size_t captured_bytes_ = 0;  // in the outputs around the current one
};

// A scope that lives as long as this guard.
class ScopeGuard {
 public:
  ScopeGuard(ScopePool& pool, Scope& parent, MemoryMeter& meter)
      : pool_(pool), scope_(pool.acquire(&parent, meter)) {}
  ~ScopeGuard() { pool_.release(scope_); }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;
  Scope& scope() { return scope_; }

 private:
  ScopePool& pool_;
  Scope& scope_;
};

}  // namespace etb::prompt::jinja

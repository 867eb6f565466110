// Statements of the interpreter.
#include <algorithm>

#include "prompt/jinja/interpreter.h"
#include "prompt/jinja/loop.h"
#include "prompt/jinja/macro.h"
#include "prompt/jinja/namespace.h"
#include "prompt/jinja/operators.h"

namespace etb::prompt::jinja {

void Interpreter::set_variable(std::string_view name, Value value) {
  const Symbol symbol = tree_.symbols.find(name);
  const bool hidden =
      std::find(tree_.hidden.begin(), tree_.hidden.end(), symbol) != tree_.hidden.end();
  if (symbol != SymbolTable::kNoSymbol && !hidden) root_.set(symbol, std::move(value));
}

Result<std::string> Interpreter::run() {
  std::string text;
  out_ = &text;
  // Macros keep the outermost scope; it goes with the interpreter.
  root_.captured = true;
  execute(tree_.body, root_);
  if (rt_.failed()) return rt_.status();
  return text;
}

void Interpreter::emit(std::string_view text) {
  if (rt_.failed()) return;
  if (captured_bytes_ + out_->size() + text.size() > rt_.limits().output_bytes) {
    rt_.exceed("bytes of output", rt_.limits().output_bytes);
    return;
  }
  if (rt_.spend_bytes(text.size())) *out_ += text;
}

std::string Interpreter::capture(const Body& body, Scope& scope) {
  std::string text;
  std::string* const outer = out_;
  const size_t outer_bytes = captured_bytes_;
  captured_bytes_ += outer->size();
  out_ = &text;
  execute_scoped(body, scope);
  out_ = outer;
  captured_bytes_ = outer_bytes;
  return text;
}

Interpreter::Flow Interpreter::execute_scoped(const Body& body, Scope& scope) {
  ScopeGuard inner(scopes_, scope, rt_.meter());
  return execute(body, inner.scope());
}

Interpreter::Flow Interpreter::execute(const Body& body, Scope& scope) {
  const DepthGuard depth(rt_);
  if (!depth.ok()) return Flow::Normal;
  for (const Statement& statement : body) {
    rt_.set_line(statement.line);
    if (!rt_.spend(1)) return Flow::Normal;
    const Flow flow = execute_one(statement, scope);
    if (flow != Flow::Normal) return flow;
  }
  return Flow::Normal;
}

Interpreter::Flow Interpreter::execute_one(const Statement& statement, Scope& scope) {
  switch (statement.kind) {
    case StatementKind::Text:
      emit(statement.text);
      break;
    case StatementKind::Print: {
      const Value value = evaluate(*statement.expr, scope);
      if (value.is_string()) {
        emit(value.text());
      } else {
        emit(rt_.text_of(value));
      }
      break;
    }
    case StatementKind::If:
      return execute_if(statement, scope);
    case StatementKind::For:
      return execute_for(statement, scope);
    case StatementKind::Set:
      assign(statement.target, scope, evaluate(*statement.expr, scope));
      break;
    case StatementKind::SetBlock:
      execute_set_block(statement, scope);
      break;
    case StatementKind::Macro:
      execute_macro(statement, scope);
      break;
    case StatementKind::CallBlock:
      execute_call_block(statement, scope);
      break;
    case StatementKind::FilterBlock:
      execute_filter_block(statement, scope);
      break;
    case StatementKind::With:
      return execute_with(statement, scope);
    case StatementKind::Scope:
      return execute_scoped(statement.body, scope);
    case StatementKind::Break:
      return Flow::Break;
    case StatementKind::Continue:
      return Flow::Continue;
  }
  return Flow::Normal;
}

Interpreter::Flow Interpreter::execute_if(const Statement& statement, Scope& scope) {
  for (const auto& [condition, body] : statement.branches) {
    const bool holds = !condition || evaluate(*condition, scope).truthy();
    if (rt_.failed()) break;
    if (holds) return execute(body, scope);
  }
  return Flow::Normal;
}

Interpreter::Flow Interpreter::execute_for(const Statement& statement, Scope& scope) {
  return run_loop(statement, scope, evaluate(*statement.expr, scope), 0);
}

Interpreter::Flow Interpreter::run_loop(const Statement& statement, Scope& scope,
                                        const Value& items, uint32_t depth0) {
  const Symbol loop_symbol = tree_.symbols.find("loop");
  const Value::ListPtr walked = walk(rt_, items);
  if (rt_.failed()) return Flow::Normal;
  Loop::Filter filter;
  if (statement.condition) {
    filter = [&](const Value& item) {
      ScopeGuard inner(scopes_, scope, rt_.meter());
      assign(statement.target, inner.scope(), item);
      return evaluate(*statement.condition, inner.scope()).truthy() && !rt_.failed();
    };
  }
  Loop::Recurse recurse;
  if (statement.recursive) {
    recurse = [&](const Value& children, uint32_t depth) {
      std::string text;
      std::string* const outer = std::exchange(out_, &text);
      const size_t outer_bytes = captured_bytes_;
      captured_bytes_ += outer->size();
      run_loop(statement, scope, children, depth);
      out_ = outer;
      captured_bytes_ = outer_bytes;
      return rt_.string(std::move(text));
    };
  }
  auto* loop = rt_.make<Loop>(walked, std::move(filter), std::move(recurse), depth0);
  bool any = false;
  Flow flow = Flow::Normal;
  for (const Value* item = loop->next(); item && flow != Flow::Break && rt_.spend(1);
       item = flow == Flow::Break ? nullptr : loop->next()) {
    any = true;
    ScopeGuard inner(scopes_, scope, rt_.meter());
    if (loop_symbol != SymbolTable::kNoSymbol) inner.scope().set(loop_symbol, Value(loop));
    assign(statement.target, inner.scope(), *item);
    flow = execute(statement.body, inner.scope());
  }
  loop->close();
  if (!any && !rt_.failed()) return execute_scoped(statement.other, scope);
  return Flow::Normal;
}

Interpreter::Flow Interpreter::execute_with(const Statement& statement, Scope& scope) {
  ScopeGuard inner(scopes_, scope, rt_.meter());
  for (const auto& [target, expr] : statement.assignments) {
    // The values see the variables around the block, not each other.
    assign(target, inner.scope(), evaluate(*expr, scope));
  }
  return execute(statement.body, inner.scope());
}

void Interpreter::execute_macro(const Statement& statement, Scope& scope) {
  scope.capture();
  scope.set(statement.symbol, Value(rt_.make<Macro>(*this, statement, scope)));
}

void Interpreter::execute_call_block(const Statement& statement, Scope& scope) {
  scope.capture();
  const Value caller(rt_.make<Macro>(*this, statement, scope));
  emit(rt_.text_of(evaluate_call(*statement.expr, scope, &caller)));
}

void Interpreter::execute_filter_block(const Statement& statement, Scope& scope) {
  ScopeGuard inner(scopes_, scope, rt_.meter());
  const Value text = rt_.string(capture(statement.body, inner.scope()));
  emit(rt_.text_of(evaluate_filter(*statement.expr, inner.scope(), &text)));
}

void Interpreter::execute_set_block(const Statement& statement, Scope& scope) {
  Value text = rt_.string(capture(statement.body, scope));
  if (statement.expr && !rt_.failed()) text = evaluate_filter(*statement.expr, scope, &text);
  assign(statement.target, scope, std::move(text));
}

void Interpreter::assign_attribute(const Target& target, Scope& scope, Value value) {
  size_t looked_at = 0;
  const Value* owner = scope.find(target.symbol, looked_at);
  auto* space = owner && owner->is_object() ? dynamic_cast<Namespace*>(&owner->object()) : nullptr;
  if (!space) {
    rt_.fail(concat("'", tree_.symbols.name(target.symbol)->text,
                    "' is no namespace: its attributes cannot be set"));
    return;
  }
  space->set(rt_, target.attribute->text, std::move(value));
}

void Interpreter::assign(const Target& target, Scope& scope, Value value) {
  if (!rt_.spend(1 + scope.variables.size() / 32)) return;
  if (target.kind == Target::Kind::Name) return scope.set(target.symbol, std::move(value));
  if (target.kind == Target::Kind::Attribute) {
    return assign_attribute(target, scope, std::move(value));
  }
  const Value::ListPtr parts = walk(rt_, value);
  if (rt_.failed()) return;
  if (parts->items.size() != target.targets.size()) {
    rt_.fail(concat("cannot unpack ", parts->items.size(), " values into ", target.targets.size(),
                    " variables"));
    return;
  }
  for (size_t i = 0; i < target.targets.size(); ++i) {
    assign(target.targets[i], scope, parts->items[i]);
  }
}

}  // namespace etb::prompt::jinja

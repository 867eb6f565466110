// Expressions of the interpreter.
#include "prompt/jinja/attributes.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/interpreter.h"
#include "prompt/jinja/operators.h"

namespace etb::prompt::jinja {

Value Interpreter::evaluate(const Expr& expr, Scope& scope) {
  if (expr.kind == ExprKind::Constant) return expr.value;
  const DepthGuard depth(rt_);
  rt_.set_line(expr.line);
  if (!depth.ok() || !rt_.spend(1)) return {};
  switch (expr.kind) {
    case ExprKind::Constant:
      break;
    case ExprKind::Name:
      return evaluate_name(expr, scope);
    case ExprKind::List:
    case ExprKind::Tuple:
      return evaluate_list(expr, scope);
    case ExprKind::Dict:
      return evaluate_dict(expr, scope);
    case ExprKind::Attribute: {
      const Value owner = evaluate(*expr.operands[0], scope);
      return rt_.failed() ? Value() : get_attribute(rt_, owner, expr.value.string_ptr());
    }
    case ExprKind::Item: {
      const Value owner = evaluate(*expr.operands[0], scope);
      const Value key = evaluate(*expr.operands[1], scope);
      return rt_.failed() ? Value() : get_item(rt_, owner, key);
    }
    case ExprKind::Slice:
      return evaluate_slice(expr, scope);
    case ExprKind::Call:
      return evaluate_call(expr, scope, nullptr);
    case ExprKind::Filter:
      return evaluate_filter(expr, scope, nullptr);
    case ExprKind::Test:
      return evaluate_test(expr, scope);
    case ExprKind::Not:
      return !evaluate(*expr.operands[0], scope).truthy();
    case ExprKind::Negate:
      return negate(rt_, evaluate(*expr.operands[0], scope));
    case ExprKind::Plus: {
      const Value value = evaluate(*expr.operands[0], scope);
      if (value.is_number()) return value.is_bool() ? Value(value.integer()) : value;
      return rt_.fail(value.is_undefined() ? value.undefined_message()
                                           : concat("a ", value.type_name(), " is no number"));
    }
    case ExprKind::Chain:
      return evaluate_chain(expr, scope);
    case ExprKind::Concat:
      return evaluate_concat(expr, scope);
    case ExprKind::Compare:
      return evaluate_compare(expr, scope);
    case ExprKind::And:
    case ExprKind::Or:
      return evaluate_logic(expr, scope);
    case ExprKind::Choice:
      return evaluate_choice(expr, scope);
  }
  return expr.value;
}

Value Interpreter::evaluate_name(const Expr& expr, const Scope& scope) {
  size_t looked_at = 0;
  const Value* found = scope.find(expr.symbol, looked_at);
  rt_.spend(looked_at / 32);
  if (found) return *found;
  const Value::StringPtr& name = tree_.symbols.name(expr.symbol);
  Value global = find_global(rt_, name->text);
  return global.is_undefined() ? Value::undefined_name(name) : global;
}

Value Interpreter::evaluate_list(const Expr& expr, Scope& scope) {
  std::vector<Value> items;
  items.reserve(expr.operands.size());
  for (const ExprPtr& operand : expr.operands) items.push_back(evaluate(*operand, scope));
  return rt_.list(std::move(items), expr.kind == ExprKind::List ? ListForm::List : ListForm::Tuple);
}

Value Interpreter::evaluate_dict(const Expr& expr, Scope& scope) {
  Dict dict;
  for (size_t i = 0; i + 1 < expr.operands.size() && !rt_.failed(); i += 2) {
    Value key = evaluate(*expr.operands[i], scope);
    set_key(rt_, dict, std::move(key), evaluate(*expr.operands[i + 1], scope));
  }
  return rt_.dict(std::move(dict));
}

Value Interpreter::evaluate_slice(const Expr& expr, Scope& scope) {
  const Value owner = evaluate(*expr.operands[0], scope);
  Value bounds[3] = {nullptr, nullptr, nullptr};
  for (size_t i = 0; i < 3; ++i) {
    if (expr.operands[i + 1]) bounds[i] = evaluate(*expr.operands[i + 1], scope);
  }
  return rt_.failed() ? Value() : slice(rt_, owner, bounds);
}

void Interpreter::spread_keywords(const Value& source, Arguments& arguments) {
  if (!source.is_dict()) {
    rt_.fail("what follows ** must be a mapping");
    return;
  }
  for (const auto& [key, value] : source.dict().entries()) {
    if (!key.is_string()) {
      rt_.fail("named arguments need string keys");
      return;
    }
    arguments.keyword.emplace_back(key.string_ptr(), value);
  }
}

Arguments Interpreter::evaluate_arguments(const CallArguments& call, Scope& scope) {
  Arguments arguments;
  arguments.positional.reserve(call.positional.size());
  for (const ExprPtr& argument : call.positional) {
    arguments.positional.push_back(evaluate(*argument, scope));
  }
  for (const auto& [name, argument] : call.keyword) {
    arguments.keyword.emplace_back(name, evaluate(*argument, scope));
  }
  if (call.star) {
    const Value::ListPtr items = walk(rt_, evaluate(*call.star, scope));
    if (rt_.room_for_items(items->items.size())) {
      arguments.positional.insert(arguments.positional.end(), items->items.begin(),
                                  items->items.end());
    }
  }
  if (call.double_star) spread_keywords(evaluate(*call.double_star, scope), arguments);
  return arguments;
}

// `caller`: the body of a call block, handed over as the argument of that name.
Value Interpreter::evaluate_call(const Expr& expr, Scope& scope, const Value* caller) {
  static const Value::StringPtr kCaller =
      std::make_shared<const StringRep>("caller", false, nullptr);
  const Expr& callee = *expr.operands[0];
  Value self, function;
  const Method* method = nullptr;
  // A method that is called at once needs no object of its own.
  if (callee.kind == ExprKind::Attribute) {
    self = evaluate(*callee.operands[0], scope);
    if (rt_.failed()) return {};
    method = find_method(self, callee.value.text());
    if (!method) function = get_attribute(rt_, self, callee.value.string_ptr());
  } else {
    function = evaluate(callee, scope);
  }
  if (rt_.failed()) return {};
  Arguments arguments = evaluate_arguments(*expr.call, scope);
  if (caller) arguments.keyword.emplace_back(kCaller, *caller);
  if (rt_.failed()) return {};
  rt_.set_line(expr.line);
  return method ? call_method(rt_, self, *method, arguments) : call_value(rt_, function, arguments);
}

// `innermost`: what the first filter of a block's chain works on.
Value Interpreter::evaluate_filter(const Expr& expr, Scope& scope, const Value* innermost) {
  Value input;
  if (!expr.operands[0]) {
    input = innermost ? *innermost : Value();
  } else if (innermost && expr.operands[0]->kind == ExprKind::Filter) {
    input = evaluate_filter(*expr.operands[0], scope, innermost);
  } else {
    input = evaluate(*expr.operands[0], scope);
  }
  if (rt_.failed()) return {};
  if (!expr.filter) return rt_.fail(concat("there is no filter '", expr.value.text(), "'"));
  const Arguments arguments = evaluate_arguments(*expr.call, scope);
  if (rt_.failed()) return {};
  rt_.set_line(expr.line);
  return expr.filter->apply(rt_, input, arguments);
}

Value Interpreter::evaluate_test(const Expr& expr, Scope& scope) {
  const Value input = evaluate(*expr.operands[0], scope);
  if (rt_.failed()) return {};
  if (!expr.test) return rt_.fail(concat("there is no test '", expr.value.text(), "'"));
  const Arguments arguments = evaluate_arguments(*expr.call, scope);
  if (rt_.failed()) return {};
  return expr.test->apply(rt_, input, arguments);
}

Value Interpreter::evaluate_chain(const Expr& expr, Scope& scope) {
  Value total = evaluate(*expr.operands[0], scope);
  for (size_t i = 0; i < expr.ops.size() && !rt_.failed(); ++i) {
    const Value operand = evaluate(*expr.operands[i + 1], scope);
    if (!rt_.failed()) total = arithmetic(rt_, expr.ops[i], total, operand);
  }
  return total;
}

Value Interpreter::evaluate_concat(const Expr& expr, Scope& scope) {
  std::string out;
  for (const ExprPtr& operand : expr.operands) {
    out += rt_.text_of(evaluate(*operand, scope));
    if (rt_.failed() || !rt_.room_for_string(out.size())) return {};
  }
  return rt_.string(std::move(out));
}

Value Interpreter::evaluate_compare(const Expr& expr, Scope& scope) {
  Value left = evaluate(*expr.operands[0], scope);
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    Value right = evaluate(*expr.operands[i + 1], scope);
    if (rt_.failed() || !compare_values(rt_, expr.ops[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

// The operand that decides, as Python's `and` and `or` give it.
Value Interpreter::evaluate_logic(const Expr& expr, Scope& scope) {
  const bool stop_at = expr.kind == ExprKind::Or;
  Value value;
  for (const ExprPtr& operand : expr.operands) {
    value = evaluate(*operand, scope);
    if (rt_.failed() || value.truthy() == stop_at) break;
  }
  return value;
}

Value Interpreter::evaluate_choice(const Expr& expr, Scope& scope) {
  const bool holds = evaluate(*expr.operands[1], scope).truthy();
  if (rt_.failed()) return {};
  if (holds) return evaluate(*expr.operands[0], scope);
  if (expr.operands[2]) return evaluate(*expr.operands[2], scope);
  return Value::undefined_because("an inline 'if' without 'else' did not hold");
}

}  // namespace etb::prompt::jinja

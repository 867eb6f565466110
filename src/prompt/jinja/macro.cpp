// Calling macros: arguments to parameters, defaults, and the special names caller, varargs, kwargs.
#include "prompt/jinja/macro.h"

#include <algorithm>

namespace etb::prompt::jinja {
namespace {

// The keyword arguments that no parameter took.
Dict surplus_keywords(const MacroDefinition& macro, const SymbolTable& symbols,
                      const Arguments& arguments) {
  Dict surplus;
  for (const auto& [name, value] : arguments.keyword) {
    const std::string& wanted = name->text;
    const bool taken =
        std::any_of(macro.parameters.begin(), macro.parameters.end(),
                    [&](Symbol symbol) { return symbols.name(symbol)->text == wanted; });
    const bool caller = name->text == "caller" && macro.uses_caller;
    if (!taken && !caller) surplus.set(name->text, value);
  }
  return surplus;
}

}  // namespace

Value Macro::attribute(Runtime&, std::string_view name) {
  const MacroDefinition& macro = *definition_.macro;
  if (name == "name") return macro.name.empty() ? Value(nullptr) : Value(macro.name);
  if (name == "catch_kwargs") return macro.uses_kwargs;
  if (name == "catch_varargs") return macro.uses_varargs;
  if (name == "caller") return macro.uses_caller;
  return {};
}

Value Interpreter::call_macro(const Statement& definition, Scope& scope,
                              const Arguments& arguments) {
  const MacroDefinition& macro = *definition.macro;
  const DepthGuard depth(rt_);
  // Every parameter is looked for among the named arguments.
  const size_t lookups = macro.parameters.size() * arguments.keyword.size();
  if (!depth.ok() || !rt_.spend(1 + lookups / 8)) return {};
  ScopeGuard guard(scopes_, scope, rt_.meter());
  Scope& inner = guard.scope();

  const size_t required = macro.parameters.size() - macro.defaults.size();
  for (size_t i = 0; i < macro.parameters.size() && !rt_.failed(); ++i) {
    const Symbol symbol = macro.parameters[i];
    const std::string& name = tree_.symbols.name(symbol)->text;
    const Value* named = arguments.find(name);
    if (i < arguments.positional.size()) {
      if (named) return rt_.fail(concat("macro '", macro.name, "' got '", name, "' twice"));
      inner.set(symbol, arguments.positional[i]);
    } else if (named) {
      inner.set(symbol, *named);
    } else if (i >= required) {
      inner.set(symbol, evaluate(*macro.defaults[i - required], inner));
    } else {
      inner.set(symbol,
                Value::undefined_because(concat("parameter '", name, "' was not provided")));
    }
  }
  const size_t taken = std::min(arguments.positional.size(), macro.parameters.size());
  if (macro.uses_varargs) {
    std::vector<Value> rest(arguments.positional.begin() + static_cast<ptrdiff_t>(taken),
                            arguments.positional.end());
    inner.set(tree_.symbols.find("varargs"), rt_.list(std::move(rest), ListForm::Tuple));
  } else if (taken < arguments.positional.size()) {
    return rt_.fail(
        concat("macro '", macro.name, "' takes at most ", macro.parameters.size(), " arguments"));
  }
  Dict surplus = surplus_keywords(macro, tree_.symbols, arguments);
  if (macro.uses_kwargs) {
    inner.set(tree_.symbols.find("kwargs"), rt_.dict(std::move(surplus)));
  } else if (surplus.size() > 0) {
    return rt_.fail(concat("macro '", macro.name, "' takes no argument '",
                           surplus.entries()[0].first.text(), "'"));
  }
  if (macro.uses_caller) {
    const Value* caller = arguments.find("caller");
    inner.set(tree_.symbols.find("caller"),
              caller ? *caller : Value::undefined_because("no caller is defined"));
  }
  return rt_.string(capture(definition.body, inner));
}

}  // namespace etb::prompt::jinja

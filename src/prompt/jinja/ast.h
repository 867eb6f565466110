// The parsed template: expressions and statements as plain trees, immutable after parsing.
// Names are interned: a Symbol is an index into SymbolTable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "prompt/value.h"

namespace etb::prompt::jinja {

using Symbol = uint32_t;

class SymbolTable {
 public:
  Symbol intern(std::string_view name);
  // kNoSymbol: the template never mentions it.
  Symbol find(std::string_view name) const;
  const Value::StringPtr& name(Symbol symbol) const { return names_[symbol]; }

  static constexpr Symbol kNoSymbol = 0xFFFF'FFFF;

 private:
  std::vector<Value::StringPtr> names_;
  std::unordered_map<std::string, Symbol> index_;
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : uint8_t {
  Constant,   // value
  Name,       // symbol
  List,       // operands
  Tuple,      // operands
  Dict,       // operands: key, value, key, value, ...
  Attribute,  // operands[0] . value (a string)
  Item,       // operands[0] [operands[1]]
  Slice,      // operands[0] [operands[1] : operands[2] : operands[3]], null where left out
  Call,       // operands[0] (call)
  Filter,     // operands[0] | value (call); operands[0] is null inside filter blocks
  Test,       // operands[0] is value (call)
  Not,
  Negate,
  Plus,
  Chain,    // left-associative arithmetic: operands[0] ops[0] operands[1] ops[1] ...
  Concat,   // operands joined by ~
  Compare,  // operands[0] ops[0] operands[1] ops[1] ...: all must hold
  And,      // operands
  Or,       // operands
  Choice    // operands: value, condition, otherwise (may be null)
};

enum class Op : uint8_t {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<Value::StringPtr, ExprPtr>> keyword;
  ExprPtr star;         // *list
  ExprPtr double_star;  // **dict
};

struct Filter;
struct Test;

struct Expr {
  ExprKind kind = ExprKind::Constant;
  uint32_t line = 0;
  uint32_t depth = 1;  // levels of expressions, this one included
  Symbol symbol = 0;
  Value value;
  std::vector<ExprPtr> operands;
  std::vector<Op> ops;
  std::unique_ptr<CallArguments> call;
  const Filter* filter = nullptr;  // null: unknown, which only fails when it is reached
  const Test* test = nullptr;
};

// What a `set` or `for` assigns to.
struct Target {
  enum class Kind : uint8_t { Name, Attribute, Tuple };
  Kind kind = Kind::Name;
  Symbol symbol = 0;            // Name; the namespace of Attribute
  Value::StringPtr attribute;   // Attribute
  std::vector<Target> targets;  // Tuple
};

struct Statement;
using Body = std::vector<Statement>;

// Its body is that of the statement that holds it.
struct MacroDefinition {
  std::string name;  // empty: the body of a call block
  std::vector<Symbol> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

enum class StatementKind : uint8_t {
  Text,         // text
  Print,        // expr
  If,           // branches; the last may have no condition
  For,          // target, expr (what is walked), condition (may be null), body, other (else)
  Set,          // target = expr
  SetBlock,     // target = body | filter chain in expr (may be null)
  Macro,        // symbol, macro
  CallBlock,    // expr (a Call), macro (its caller)
  FilterBlock,  // expr: filter chain whose innermost operand is null
  With,         // assignments, body
  Scope,        // body, in its own scope (generation)
  Break,
  Continue
};

struct Statement {
  StatementKind kind = StatementKind::Text;
  uint32_t line = 0;
  bool recursive = false;  // For
  Symbol symbol = 0;
  std::string text;
  ExprPtr expr;
  ExprPtr condition;
  Target target;
  Body body;
  Body other;
  std::vector<std::pair<ExprPtr, Body>> branches;
  std::vector<std::pair<Target, ExprPtr>> assignments;
  std::unique_ptr<MacroDefinition> macro;
};

struct TemplateTree {
  Body body;
  SymbolTable symbols;
  // Names that the outermost level sets before it reads them: what the caller gives under such a
  // name is never seen, not even by loops and macros that stand before the assignment.
  std::vector<Symbol> hidden;
};

}  // namespace etb::prompt::jinja

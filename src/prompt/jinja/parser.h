// Recursive-descent parser of templates. The class is shared by parse_expression.cpp and
// parse_statement.cpp; callers use parse_template().
//
// Failures are sticky: after the first one the token stream stands at its end, so that every loop
// stops, and what was built so far is thrown away. No function returns a null expression.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "prompt/jinja/ast.h"
#include "prompt/jinja/limits.h"
#include "prompt/jinja/token.h"

namespace etb::prompt::jinja {

// Corrupt, naming the line, on a syntax error; Unsupported on tags that need other files.
Result<TemplateTree> parse_template(std::string_view source, const Limits& limits);

class Parser {
 public:
  Parser(std::vector<Token> tokens, const Limits& limits)
      : tokens_(std::move(tokens)), limits_(limits) {}
  Result<TemplateTree> run();

 private:
  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  void next() { at_ += at_ + 1 < tokens_.size(); }
  bool skip_sign(std::string_view sign);
  bool skip_name(std::string_view name);
  void expect_sign(std::string_view sign);
  void expect_name(std::string_view name);
  void expect_kind(TokenKind kind, std::string_view what);
  std::string expect_identifier();
  void fail(std::string_view message, StatusCode code = StatusCode::Corrupt);
  bool failed() const { return !error_.ok(); }

  // Expressions, loosest first.
  ExprPtr parse_expression();
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filter);
  ExprPtr parse_primary();
  ExprPtr parse_name();
  ExprPtr parse_number();
  ExprPtr parse_string();
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr node);
  ExprPtr parse_filters_and_tests(ExprPtr node);
  ExprPtr parse_dot(ExprPtr node);
  ExprPtr parse_subscript(ExprPtr node);
  ExprPtr parse_subscript_part();
  ExprPtr parse_call(ExprPtr node);
  ExprPtr parse_filter(ExprPtr node);
  ExprPtr parse_test(ExprPtr node);
  std::unique_ptr<CallArguments> parse_arguments();
  void parse_argument(CallArguments& arguments);

  enum class TupleStyle { Full, NoChoice, InParentheses };
  ExprPtr parse_tuple(TupleStyle style);
  bool at_tuple_end() const;
  std::optional<Op> compare_op();

  ExprPtr make(ExprKind kind, uint32_t line);
  ExprPtr finish(ExprPtr node);  // sets the depth and checks it
  ExprPtr chain(ExprPtr left, std::initializer_list<std::pair<std::string_view, Op>> ops,
                ExprPtr (Parser::*operand)());

  // Statements.
  Body parse_body(std::initializer_list<std::string_view> ends);
  Body parse_tag_body(std::initializer_list<std::string_view> ends);
  Body parse_hard_body(std::initializer_list<std::string_view> ends);
  void check_unknown();
  void parse_print(Body& body);
  void parse_print_tag(Body& body);
  Statement parse_statement();
  Statement parse_if();
  Statement parse_for();
  Statement parse_set();
  Statement parse_macro();
  Statement parse_call_block();
  Statement parse_filter_block();
  Statement parse_with();
  Statement parse_generation();
  Statement parse_loop_control();
  void parse_signature(MacroDefinition& macro);
  Body parse_macro_body(MacroDefinition& macro, std::string_view end);
  Target parse_target(bool with_attributes);
  Target parse_single_target(bool with_attributes);
  void note_name(std::string_view name);
  bool note_read(Symbol symbol);
  void note_set(const Target& target);

  std::vector<Token> tokens_;
  const Limits& limits_;
  size_t at_ = 0;
  uint32_t depth_ = 0;       // nested parse calls of expressions and bodies
  uint32_t loop_depth_ = 0;  // loops around this point within the same macro: break may stand here
  uint32_t all_loops_ = 0;   // loops around this point, also outside the macro
  bool soft_ = false;        // inside `if`: unknown filters and tests fail only when reached
  std::vector<std::string> unknown_;  // those met outside; an inline `if` behind them forgives
  std::vector<MacroDefinition*> open_macros_;
  uint32_t scope_depth_ = 0;     // bodies with an own scope around this point
  std::vector<bool> mentioned_;  // by symbol: read or set at the outermost level so far
  TemplateTree tree_;
  Status error_;
};

}  // namespace etb::prompt::jinja

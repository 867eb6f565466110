// Statements: the tags between {% and %}, and their bodies.
#include <algorithm>

#include "base/text.h"
#include "prompt/jinja/parser.h"

namespace etb::prompt::jinja {

void Parser::check_unknown() {
  if (!unknown_.empty()) fail(unknown_.front());
  unknown_.clear();
}

// Statements up to (not into) a tag whose name is one of `ends`; the current token is then that
// name.
Body Parser::parse_body(std::initializer_list<std::string_view> ends) {
  Body body;
  if (++depth_ > limits_.syntax_depth) {
    fail(concat("more than ", limits_.syntax_depth, " levels of nested tags"),
         StatusCode::Unsupported);
  }
  while (!failed() && current().kind != TokenKind::End) {
    if (current().kind == TokenKind::Text) {
      Statement text;
      text.line = current().line;
      text.text = current().text;
      body.push_back(std::move(text));
      next();
    } else if (current().kind == TokenKind::VariableBegin) {
      next();
      parse_print(body);
      expect_kind(TokenKind::VariableEnd, "'}}'");
    } else {
      expect_kind(TokenKind::BlockBegin, "a tag");
      if (std::any_of(ends.begin(), ends.end(),
                      [this](std::string_view end) { return current().is_name(end); })) {
        break;
      }
      if (current().is_name("print")) {
        next();
        parse_print_tag(body);
      } else {
        body.push_back(parse_statement());
      }
      expect_kind(TokenKind::BlockEnd, "'%}'");
    }
    check_unknown();
  }
  --depth_;
  return body;
}

// {% print a, b %}: each on its own.
void Parser::parse_print_tag(Body& body) {
  for (bool first = true; !failed() && current().kind != TokenKind::BlockEnd; first = false) {
    if (!first) expect_sign(",");
    Statement print;
    print.kind = StatementKind::Print;
    print.line = current().line;
    print.expr = parse_expression();
    body.push_back(std::move(print));
  }
}

// What {{ }} holds: one expression, or several that become a tuple.
void Parser::parse_print(Body& body) {
  Statement print;
  print.kind = StatementKind::Print;
  print.line = current().line;
  print.expr = parse_tuple(TupleStyle::Full);
  body.push_back(std::move(print));
}

// The rest of an opening tag, and the body behind it.
Body Parser::parse_tag_body(std::initializer_list<std::string_view> ends) {
  skip_sign(":");
  expect_kind(TokenKind::BlockEnd, "'%}'");
  check_unknown();
  Body body = parse_body(ends);
  if (!failed() && current().kind == TokenKind::End) {
    fail(concat("the template ends before '", *(ends.end() - 1), "'"));
  }
  return body;
}

// The same for a body with a scope of its own, where unknown filters are errors again.
Body Parser::parse_hard_body(std::initializer_list<std::string_view> ends) {
  const bool outer_soft = std::exchange(soft_, false);
  ++scope_depth_;
  Body body = parse_tag_body(ends);
  --scope_depth_;
  soft_ = outer_soft;
  return body;
}

Statement Parser::parse_statement() {
  struct Tag {
    std::string_view name;
    Statement (Parser::*parse)();
  };
  static constexpr Tag kTags[] = {{"if", &Parser::parse_if},
                                  {"for", &Parser::parse_for},
                                  {"set", &Parser::parse_set},
                                  {"macro", &Parser::parse_macro},
                                  {"call", &Parser::parse_call_block},
                                  {"filter", &Parser::parse_filter_block},
                                  {"with", &Parser::parse_with},
                                  {"generation", &Parser::parse_generation},
                                  {"break", &Parser::parse_loop_control},
                                  {"continue", &Parser::parse_loop_control}};
  const Token& token = current();
  for (const Tag& tag : kTags) {
    if (!token.is_name(tag.name)) continue;
    const uint32_t line = token.line;
    Statement statement = (this->*tag.parse)();
    statement.line = line;
    return statement;
  }
  for (const std::string_view other : {"include", "import", "from", "extends", "block"}) {
    if (token.is_name(other)) {
      fail(concat("the tag '", other, "' is not supported: a chat template is one file"),
           StatusCode::Unsupported);
    }
  }
  fail(token.kind == TokenKind::Name ? concat("unknown tag '", token.text, "'")
                                     : std::string("expected a tag name"));
  return {};
}

Statement Parser::parse_if() {
  Statement statement;
  statement.kind = StatementKind::If;
  const bool outer_soft = std::exchange(soft_, true);
  do {
    next();  // if, elif
    ExprPtr condition = parse_tuple(TupleStyle::NoChoice);
    Body body = parse_tag_body({"elif", "else", "endif"});
    statement.branches.emplace_back(std::move(condition), std::move(body));
  } while (!failed() && current().is_name("elif"));
  if (skip_name("else")) statement.branches.emplace_back(nullptr, parse_tag_body({"endif"}));
  expect_name("endif");
  soft_ = outer_soft;
  return statement;
}

Statement Parser::parse_for() {
  Statement statement;
  statement.kind = StatementKind::For;
  next();
  statement.target = parse_target(false);
  expect_name("in");
  statement.expr = parse_tuple(TupleStyle::NoChoice);
  if (skip_name("if")) statement.condition = parse_expression();
  statement.recursive = skip_name("recursive");
  ++loop_depth_;
  ++all_loops_;
  statement.body = parse_hard_body({"else", "endfor"});
  --loop_depth_;
  --all_loops_;
  if (skip_name("else")) statement.other = parse_hard_body({"endfor"});
  expect_name("endfor");
  return statement;
}

Target Parser::parse_single_target(bool with_attributes) {
  Target target;
  if (skip_sign("(")) {
    target = parse_target(with_attributes);
    expect_sign(")");
    return target;
  }
  const std::string name = expect_identifier();
  for (const std::string_view literal : {"true", "false", "none", "True", "False", "None"}) {
    if (name == literal) fail(concat("cannot assign to '", name, "'"));
  }
  if (name == "loop" && all_loops_ > 0) fail("cannot assign to 'loop' inside a loop");
  target.symbol = tree_.symbols.intern(name);
  if (with_attributes && skip_sign(".")) {
    target.kind = Target::Kind::Attribute;
    target.attribute = tree_.symbols.name(tree_.symbols.intern(expect_identifier()));
  }
  return target;
}

Target Parser::parse_target(bool with_attributes) {
  if (++depth_ > limits_.syntax_depth) fail("targets are nested too deep", StatusCode::Unsupported);
  Target first = parse_single_target(with_attributes);
  if (current().is_sign(",")) {
    Target all;
    all.kind = Target::Kind::Tuple;
    all.targets.push_back(std::move(first));
    while (!failed() && skip_sign(",")) {
      if (current().kind != TokenKind::Name && !current().is_sign("(")) break;
      if (current().is_name("in")) break;
      all.targets.push_back(parse_single_target(with_attributes));
    }
    first = std::move(all);
  }
  --depth_;
  return first;
}

Statement Parser::parse_set() {
  Statement statement;
  statement.kind = StatementKind::Set;
  next();
  statement.target = parse_target(true);
  if (skip_sign("=")) {
    statement.expr = parse_tuple(TupleStyle::Full);
    note_set(statement.target);
    return statement;
  }
  note_set(statement.target);
  statement.kind = StatementKind::SetBlock;
  while (!failed() && skip_sign("|")) statement.expr = parse_filter(std::move(statement.expr));
  statement.body = parse_hard_body({"endset"});
  expect_name("endset");
  return statement;
}

// True the first time the outermost level mentions the name.
bool Parser::note_read(Symbol symbol) {
  if (scope_depth_ > 0) return false;
  if (mentioned_.size() <= symbol) mentioned_.resize(symbol + 1, false);
  const bool first = !mentioned_[symbol];
  mentioned_[symbol] = true;
  return first;
}

// An assignment inside `if` may not happen, so it hides nothing.
void Parser::note_set(const Target& target) {
  for (const Target& part : target.targets) note_set(part);
  if (scope_depth_ > 0 || target.kind != Target::Kind::Name) return;
  if (note_read(target.symbol) && !soft_) tree_.hidden.push_back(target.symbol);
}

// Macros learn which of the special names their bodies mention.
void Parser::note_name(std::string_view name) {
  for (MacroDefinition* macro : open_macros_) {
    macro->uses_caller |= name == "caller";
    macro->uses_varargs |= name == "varargs";
    macro->uses_kwargs |= name == "kwargs";
  }
}

void Parser::parse_signature(MacroDefinition& macro) {
  expect_sign("(");
  while (!failed() && !current().is_sign(")")) {
    if (!macro.parameters.empty()) expect_sign(",");
    macro.parameters.push_back(tree_.symbols.intern(expect_identifier()));
    if (skip_sign("=")) {
      macro.defaults.push_back(parse_expression());
    } else if (!macro.defaults.empty()) {
      fail("a parameter without default follows one with a default");
    }
  }
  expect_sign(")");
}

// A macro is a function: `break` does not reach the loops around it.
Body Parser::parse_macro_body(MacroDefinition& macro, std::string_view end) {
  open_macros_.push_back(&macro);
  const uint32_t outer_loops = std::exchange(loop_depth_, 0);
  Body body = parse_hard_body({end});
  loop_depth_ = outer_loops;
  open_macros_.pop_back();
  expect_name(end);
  return body;
}

Statement Parser::parse_macro() {
  Statement statement;
  statement.kind = StatementKind::Macro;
  next();
  statement.macro = std::make_unique<MacroDefinition>();
  statement.macro->name = expect_identifier();
  statement.symbol = tree_.symbols.intern(statement.macro->name);
  parse_signature(*statement.macro);
  statement.body = parse_macro_body(*statement.macro, "endmacro");
  return statement;
}

Statement Parser::parse_call_block() {
  Statement statement;
  statement.kind = StatementKind::CallBlock;
  next();
  statement.macro = std::make_unique<MacroDefinition>();
  if (current().is_sign("(")) parse_signature(*statement.macro);
  statement.expr = parse_expression();
  if (statement.expr->kind != ExprKind::Call) fail("a call block needs a call");
  statement.body = parse_macro_body(*statement.macro, "endcall");
  return statement;
}

Statement Parser::parse_filter_block() {
  Statement statement;
  statement.kind = StatementKind::FilterBlock;
  next();
  statement.expr = parse_filter(nullptr);
  while (!failed() && skip_sign("|")) statement.expr = parse_filter(std::move(statement.expr));
  statement.body = parse_hard_body({"endfilter"});
  expect_name("endfilter");
  return statement;
}

Statement Parser::parse_with() {
  Statement statement;
  statement.kind = StatementKind::With;
  next();
  while (!failed() && current().kind != TokenKind::BlockEnd) {
    if (!statement.assignments.empty()) expect_sign(",");
    Target target = parse_target(false);
    expect_sign("=");
    statement.assignments.emplace_back(std::move(target), parse_expression());
  }
  statement.body = parse_hard_body({"endwith"});
  expect_name("endwith");
  return statement;
}

// {% generation %} marks what the model wrote; for rendering it is a scope.
Statement Parser::parse_generation() {
  Statement statement;
  statement.kind = StatementKind::Scope;
  next();
  const uint32_t outer_loops = std::exchange(loop_depth_, 0);
  statement.body = parse_hard_body({"endgeneration"});
  loop_depth_ = outer_loops;
  expect_name("endgeneration");
  return statement;
}

Statement Parser::parse_loop_control() {
  Statement statement;
  const bool is_break = current().is_name("break");
  statement.kind = is_break ? StatementKind::Break : StatementKind::Continue;
  if (loop_depth_ == 0) fail(concat("'", current().text, "' stands outside every loop"));
  next();
  return statement;
}

}  // namespace etb::prompt::jinja

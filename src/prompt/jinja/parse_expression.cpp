// Expressions: operators from the loosest to the tightest, literals, attributes, calls, filters and
// tests.
#include <charconv>
#include <optional>

#include "base/text.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/parser.h"

namespace etb::prompt::jinja {

ExprPtr Parser::parse_expression() {
  if (++depth_ > limits_.syntax_depth) {
    fail(concat("more than ", limits_.syntax_depth, " levels of nesting"), StatusCode::Unsupported);
  }
  const uint32_t line = current().line;
  const size_t unknown_before = unknown_.size();
  const bool outer_soft = soft_;
  ExprPtr node = parse_or();
  while (skip_name("if")) {
    ExprPtr choice = make(ExprKind::Choice, line);
    soft_ = true;
    unknown_.resize(unknown_before);
    choice->operands.push_back(std::move(node));
    choice->operands.push_back(parse_or());
    choice->operands.push_back(skip_name("else") ? parse_expression() : nullptr);
    node = finish(std::move(choice));
  }
  soft_ = outer_soft;
  --depth_;
  return node;
}

ExprPtr Parser::parse_or() {
  ExprPtr node = parse_and();
  if (!current().is_name("or")) return node;
  ExprPtr all = make(ExprKind::Or, node->line);
  all->operands.push_back(std::move(node));
  while (skip_name("or")) all->operands.push_back(parse_and());
  return finish(std::move(all));
}

ExprPtr Parser::parse_and() {
  ExprPtr node = parse_not();
  if (!current().is_name("and")) return node;
  ExprPtr all = make(ExprKind::And, node->line);
  all->operands.push_back(std::move(node));
  while (skip_name("and")) all->operands.push_back(parse_not());
  return finish(std::move(all));
}

ExprPtr Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  ExprPtr node = make(ExprKind::Not, current().line);
  next();
  if (++depth_ > limits_.syntax_depth) {
    fail(concat("more than ", limits_.syntax_depth, " levels of nesting"), StatusCode::Unsupported);
    --depth_;
    return make(ExprKind::Constant, node->line);
  }
  node->operands.push_back(parse_not());
  --depth_;
  return finish(std::move(node));
}

std::optional<Op> Parser::compare_op() {
  static constexpr std::pair<std::string_view, Op> kOps[] = {
      {"==", Op::Equal},     {"!=", Op::NotEqual}, {"<", Op::Less},
      {"<=", Op::LessEqual}, {">", Op::Greater},   {">=", Op::GreaterEqual}};
  for (const auto& [sign, op] : kOps) {
    if (skip_sign(sign)) return op;
  }
  if (skip_name("in")) return Op::In;
  if (current().is_name("not") && look().is_name("in")) {
    next();
    next();
    return Op::NotIn;
  }
  return std::nullopt;
}

ExprPtr Parser::parse_compare() {
  ExprPtr node = parse_sum();
  std::optional<Op> op = compare_op();
  if (!op) return node;
  ExprPtr all = make(ExprKind::Compare, node->line);
  all->operands.push_back(std::move(node));
  for (; op; op = compare_op()) {
    all->ops.push_back(*op);
    all->operands.push_back(parse_sum());
  }
  return finish(std::move(all));
}

ExprPtr Parser::chain(ExprPtr left, std::initializer_list<std::pair<std::string_view, Op>> ops,
                      ExprPtr (Parser::*operand)()) {
  const auto next_op = [&]() -> std::optional<Op> {
    for (const auto& [sign, op] : ops) {
      if (skip_sign(sign)) return op;
    }
    return std::nullopt;
  };
  std::optional<Op> op = next_op();
  if (!op) return left;
  ExprPtr node = make(ExprKind::Chain, left->line);
  node->operands.push_back(std::move(left));
  for (; op; op = next_op()) {
    node->ops.push_back(*op);
    node->operands.push_back((this->*operand)());
  }
  return finish(std::move(node));
}

ExprPtr Parser::parse_sum() {
  return chain(parse_concat(), {{"+", Op::Add}, {"-", Op::Subtract}}, &Parser::parse_concat);
}

ExprPtr Parser::parse_concat() {
  ExprPtr node = parse_product();
  if (!current().is_sign("~")) return node;
  ExprPtr all = make(ExprKind::Concat, node->line);
  all->operands.push_back(std::move(node));
  while (skip_sign("~")) all->operands.push_back(parse_product());
  return finish(std::move(all));
}

ExprPtr Parser::parse_product() {
  return chain(parse_power(),
               {{"*", Op::Multiply}, {"/", Op::Divide}, {"//", Op::FloorDivide}, {"%", Op::Modulo}},
               &Parser::parse_power);
}

ExprPtr Parser::parse_power() {
  ExprPtr node = parse_unary(true);
  if (!current().is_sign("**")) return node;
  ExprPtr all = make(ExprKind::Chain, node->line);
  all->operands.push_back(std::move(node));
  while (skip_sign("**")) {
    all->ops.push_back(Op::Power);
    all->operands.push_back(parse_unary(true));
  }
  return finish(std::move(all));
}

ExprPtr Parser::parse_unary(bool with_filter) {
  ExprPtr node;
  if (current().is_sign("-") || current().is_sign("+")) {
    node = make(current().is_sign("-") ? ExprKind::Negate : ExprKind::Plus, current().line);
    next();
    if (++depth_ > limits_.syntax_depth) {
      fail(concat("more than ", limits_.syntax_depth, " levels of nesting"),
           StatusCode::Unsupported);
      --depth_;
      return make(ExprKind::Constant, node->line);
    }
    node->operands.push_back(parse_unary(false));
    --depth_;
    node = finish(std::move(node));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExprPtr Parser::parse_primary() {
  const Token& token = current();
  switch (token.kind) {
    case TokenKind::Name:
      return parse_name();
    case TokenKind::String:
      return parse_string();
    case TokenKind::Integer:
    case TokenKind::Float:
      return parse_number();
    default:
      break;
  }
  if (token.is_sign("[")) return parse_list();
  if (token.is_sign("{")) return parse_dict();
  if (skip_sign("(")) {
    ExprPtr node = parse_tuple(TupleStyle::InParentheses);
    expect_sign(")");
    return node;
  }
  fail(token.kind == TokenKind::End ? std::string("the template ends inside a tag")
                                    : concat("expected an expression, got '", token.text, "'"));
  return make(ExprKind::Constant, token.line);
}

ExprPtr Parser::parse_name() {
  const std::string name = current().text;
  ExprPtr node = make(ExprKind::Constant, current().line);
  next();
  if (name == "true" || name == "True") {
    node->value = true;
  } else if (name == "false" || name == "False") {
    node->value = false;
  } else if (name == "none" || name == "None") {
    node->value = nullptr;
  } else {
    node->kind = ExprKind::Name;
    node->symbol = tree_.symbols.intern(name);
    note_name(name);
    note_read(node->symbol);
  }
  return node;
}

ExprPtr Parser::parse_number() {
  const Token token = current();
  next();
  ExprPtr node = make(ExprKind::Constant, token.line);
  std::string_view digits = token.text;
  if (token.kind == TokenKind::Float) {
    double value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    node->value = value;
    return node;
  }
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) digits.remove_prefix(2);
  }
  int64_t value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (end.ec == std::errc()) {
    node->value = value;
  } else if (base == 10) {
    node->value = Value::big_int(token.text);
  } else {
    fail(concat("the number ", token.text, " has more than 64 bits"), StatusCode::Unsupported);
  }
  return node;
}

ExprPtr Parser::parse_string() {
  ExprPtr node = make(ExprKind::Constant, current().line);
  std::string text;
  while (current().kind == TokenKind::String) {
    text += current().text;
    next();
  }
  node->value = text;
  return node;
}

ExprPtr Parser::parse_list() {
  ExprPtr node = make(ExprKind::List, current().line);
  expect_sign("[");
  while (!failed() && !current().is_sign("]")) {
    if (!node->operands.empty()) expect_sign(",");
    if (current().is_sign("]")) break;
    node->operands.push_back(parse_expression());
  }
  expect_sign("]");
  return finish(std::move(node));
}

ExprPtr Parser::parse_dict() {
  ExprPtr node = make(ExprKind::Dict, current().line);
  expect_sign("{");
  while (!failed() && !current().is_sign("}")) {
    if (!node->operands.empty()) expect_sign(",");
    if (current().is_sign("}")) break;
    node->operands.push_back(parse_expression());
    expect_sign(":");
    node->operands.push_back(parse_expression());
  }
  expect_sign("}");
  return finish(std::move(node));
}

bool Parser::at_tuple_end() const {
  return current().kind == TokenKind::VariableEnd || current().kind == TokenKind::BlockEnd ||
         current().is_sign(")");
}

ExprPtr Parser::parse_tuple(TupleStyle style) {
  const uint32_t line = current().line;
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (!failed()) {
    if (!items.empty()) expect_sign(",");
    if (at_tuple_end() || (!items.empty() && current().is_name("recursive"))) break;
    items.push_back(style == TupleStyle::NoChoice ? parse_or() : parse_expression());
    if (!current().is_sign(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items.front());
  if (!is_tuple && style != TupleStyle::InParentheses) fail("expected an expression");
  ExprPtr node = make(ExprKind::Tuple, line);
  node->operands = std::move(items);
  return finish(std::move(node));
}

ExprPtr Parser::parse_postfix(ExprPtr node) {
  while (!failed()) {
    if (current().is_sign(".")) {
      node = parse_dot(std::move(node));
    } else if (current().is_sign("[")) {
      node = parse_subscript(std::move(node));
    } else if (current().is_sign("(")) {
      node = parse_call(std::move(node));
    } else {
      break;
    }
  }
  return node;
}

ExprPtr Parser::parse_filters_and_tests(ExprPtr node) {
  while (!failed()) {
    if (skip_sign("|")) {
      node = parse_filter(std::move(node));
    } else if (current().is_name("is")) {
      node = parse_test(std::move(node));
    } else if (current().is_sign("(")) {
      node = parse_call(std::move(node));
    } else {
      break;
    }
  }
  return node;
}

ExprPtr Parser::parse_dot(ExprPtr node) {
  const uint32_t line = current().line;
  next();
  if (current().kind == TokenKind::Integer) {
    ExprPtr item = make(ExprKind::Item, line);
    item->operands.push_back(std::move(node));
    item->operands.push_back(parse_number());
    return finish(std::move(item));
  }
  ExprPtr attribute = make(ExprKind::Attribute, line);
  attribute->value = expect_identifier();
  attribute->operands.push_back(std::move(node));
  return finish(std::move(attribute));
}

// One index, or the three parts of a slice (a Slice without its first operand).
ExprPtr Parser::parse_subscript_part() {
  const auto ends = [this] { return current().is_sign("]") || current().is_sign(","); };
  ExprPtr start;
  if (!current().is_sign(":")) {
    start = parse_expression();
    if (!current().is_sign(":")) return start;
  }
  ExprPtr slice = make(ExprKind::Slice, current().line);
  next();
  slice->operands.push_back(std::move(start));
  slice->operands.push_back(current().is_sign(":") || ends() ? nullptr : parse_expression());
  slice->operands.push_back(skip_sign(":") && !ends() ? parse_expression() : nullptr);
  return finish(std::move(slice));
}

ExprPtr Parser::parse_subscript(ExprPtr node) {
  const uint32_t line = current().line;
  next();
  std::vector<ExprPtr> parts;
  while (!failed() && !current().is_sign("]")) {
    if (!parts.empty()) expect_sign(",");
    parts.push_back(parse_subscript_part());
  }
  expect_sign("]");
  if (parts.size() == 1 && parts[0]->kind == ExprKind::Slice && parts[0]->operands.size() == 3) {
    parts[0]->operands.insert(parts[0]->operands.begin(), std::move(node));
    return finish(std::move(parts[0]));
  }
  ExprPtr key;
  if (parts.size() == 1) {
    key = std::move(parts[0]);
  } else {
    key = make(ExprKind::Tuple, line);
    for (const ExprPtr& part : parts) {
      if (part->kind == ExprKind::Slice && part->operands.size() == 3)
        fail("a slice must stand alone");
    }
    key->operands = std::move(parts);
    key = finish(std::move(key));
  }
  ExprPtr item = make(ExprKind::Item, line);
  item->operands.push_back(std::move(node));
  item->operands.push_back(std::move(key));
  return finish(std::move(item));
}

void Parser::parse_argument(CallArguments& arguments) {
  const bool after_keywords = !arguments.keyword.empty();
  if (skip_sign("*")) {
    if (arguments.star || arguments.double_star) fail("a call takes one *list before its **dict");
    arguments.star = parse_expression();
  } else if (skip_sign("**")) {
    if (arguments.double_star) fail("a call takes one **dict");
    arguments.double_star = parse_expression();
  } else if (current().kind == TokenKind::Name && look().is_sign("=")) {
    if (arguments.double_star) fail("a named argument stands after **dict");
    // A copy: the expression may add names, which moves the table.
    Value::StringPtr name = tree_.symbols.name(tree_.symbols.intern(current().text));
    next();
    next();
    arguments.keyword.emplace_back(std::move(name), parse_expression());
  } else {
    if (arguments.star || arguments.double_star || after_keywords) {
      fail("a positional argument stands after a named one");
    }
    arguments.positional.push_back(parse_expression());
  }
}

std::unique_ptr<CallArguments> Parser::parse_arguments() {
  auto arguments = std::make_unique<CallArguments>();
  expect_sign("(");
  bool first = true;
  while (!failed() && !current().is_sign(")")) {
    if (!first) expect_sign(",");
    if (current().is_sign(")")) break;
    parse_argument(*arguments);
    first = false;
  }
  expect_sign(")");
  return arguments;
}

ExprPtr Parser::parse_call(ExprPtr node) {
  ExprPtr call = make(ExprKind::Call, current().line);
  call->operands.push_back(std::move(node));
  call->call = parse_arguments();
  return finish(std::move(call));
}

// Behind the `|`. A null `node` is what the body of a filter block will be.
ExprPtr Parser::parse_filter(ExprPtr node) {
  ExprPtr filter = make(ExprKind::Filter, current().line);
  std::string name = expect_identifier();
  while (skip_sign(".")) name += concat(".", expect_identifier());
  filter->filter = find_filter(name);
  if (!filter->filter && !soft_) unknown_.push_back(concat("there is no filter '", name, "'"));
  filter->value = name;
  filter->operands.push_back(std::move(node));
  filter->call = current().is_sign("(") ? parse_arguments() : std::make_unique<CallArguments>();
  return finish(std::move(filter));
}

ExprPtr Parser::parse_test(ExprPtr node) {
  const uint32_t line = current().line;
  next();
  const bool negated = skip_name("not");
  ExprPtr test = make(ExprKind::Test, line);
  std::string name = expect_identifier();
  while (skip_sign(".")) name += concat(".", expect_identifier());
  test->test = find_test(name);
  if (!test->test && !soft_) unknown_.push_back(concat("there is no test '", name, "'"));
  test->value = name;
  test->operands.push_back(std::move(node));
  const Token& token = current();
  const bool bare_argument = token.kind == TokenKind::Name || token.kind == TokenKind::String ||
                             token.kind == TokenKind::Integer || token.kind == TokenKind::Float ||
                             token.is_sign("[") || token.is_sign("{");
  if (token.is_sign("(")) {
    test->call = parse_arguments();
  } else {
    test->call = std::make_unique<CallArguments>();
    if (token.is_name("is")) {
      fail("tests with 'is' cannot be chained");
    } else if (bare_argument && !token.is_name("else") && !token.is_name("or") &&
               !token.is_name("and")) {
      test->call->positional.push_back(parse_postfix(parse_primary()));
    }
  }
  test = finish(std::move(test));
  if (!negated) return test;
  ExprPtr inverse = make(ExprKind::Not, line);
  inverse->operands.push_back(std::move(test));
  return finish(std::move(inverse));
}

}  // namespace etb::prompt::jinja

// Token handling of the parser, and its entry point.
#include "prompt/jinja/parser.h"

#include <algorithm>

#include "base/text.h"

namespace etb::prompt::jinja {
namespace {

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::Text:
      return "text";
    case TokenKind::VariableBegin:
      return "'{{'";
    case TokenKind::VariableEnd:
      return "'}}'";
    case TokenKind::BlockBegin:
      return "'{%'";
    case TokenKind::BlockEnd:
      return "'%}'";
    case TokenKind::String:
      return "a string";
    case TokenKind::End:
      return "the end of the template";
    default:
      return concat("'", token.text, "'");
  }
}

}  // namespace

Result<TemplateTree> parse_template(std::string_view source, const Limits& limits) {
  if (source.size() > limits.template_bytes) {
    return Status(StatusCode::Unsupported,
                  concat("the chat template has ", source.size(), " bytes; at most ",
                         limits.template_bytes, " are read"));
  }
  ETB_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenize(source));
  return Parser(std::move(tokens), limits).run();
}

Result<TemplateTree> Parser::run() {
  tree_.body = parse_body({});
  if (!failed() && current().kind != TokenKind::End) {
    fail(concat("unexpected ", describe(current())));
  }
  if (failed()) return error_;
  return std::move(tree_);
}

void Parser::fail(std::string_view message, StatusCode code) {
  if (failed()) return;
  error_ = Status(code, concat("chat template, line ", current().line, ": ", message));
  at_ = tokens_.size() - 1;
}

bool Parser::skip_sign(std::string_view sign) {
  if (!current().is_sign(sign)) return false;
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

void Parser::expect_sign(std::string_view sign) {
  if (!skip_sign(sign)) fail(concat("expected '", sign, "', got ", describe(current())));
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) fail(concat("expected '", name, "', got ", describe(current())));
}

void Parser::expect_kind(TokenKind kind, std::string_view what) {
  if (current().kind != kind) return fail(concat("expected ", what, ", got ", describe(current())));
  next();
}

std::string Parser::expect_identifier() {
  if (current().kind != TokenKind::Name) {
    fail(concat("expected a name, got ", describe(current())));
    return {};
  }
  std::string name = current().text;
  next();
  return name;
}

ExprPtr Parser::make(ExprKind kind, uint32_t line) {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = line;
  return node;
}

ExprPtr Parser::finish(ExprPtr node) {
  const auto grow = [&node](const ExprPtr& part) {
    if (part) node->depth = std::max(node->depth, part->depth + 1);
  };
  for (const ExprPtr& operand : node->operands) grow(operand);
  if (node->call) {
    for (const ExprPtr& argument : node->call->positional) grow(argument);
    for (const auto& [name, argument] : node->call->keyword) grow(argument);
    grow(node->call->star);
    grow(node->call->double_star);
  }
  if (node->depth <= limits_.syntax_depth) return node;
  fail(concat("more than ", limits_.syntax_depth, " levels of nested expressions"),
       StatusCode::Unsupported);
  return make(ExprKind::Constant, node->line);
}

}  // namespace etb::prompt::jinja

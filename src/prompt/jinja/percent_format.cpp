// "%s and %(name)03d" % values.
#include "prompt/jinja/attributes.h"
#include "prompt/jinja/format.h"

namespace etb::prompt::jinja {
namespace {

class PercentFormatter {
 public:
  PercentFormatter(Runtime& rt, std::string_view format, const Value& values)
      : rt_(rt), format_(format), values_(values) {}

  Value run(bool markup) {
    while (at_ < format_.size() && !rt_.failed()) {
      const size_t mark = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, mark - at_);
      at_ = mark + 1;
      if (mark < format_.size()) directive();
      if (!rt_.room_for_string(out_.size())) return {};
    }
    const bool surplus = values_.is_form(ListForm::Tuple) ? next_ < values_.items().size()
                                                          : next_ == 0 && !values_.is_dict();
    if (surplus) return rt_.fail("not all arguments were used by the '%' format");
    return rt_.string(std::move(out_), markup);
  }

 private:
  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  Value next_value() {
    if (values_.is_form(ListForm::Tuple)) {
      if (next_ < values_.items().size()) return values_.items()[next_++];
    } else if (next_++ == 0) {
      return values_;
    }
    return rt_.fail("not enough arguments for the '%' format");
  }

  uint64_t number() {
    uint64_t value = 0;
    while (peek() >= '0' && peek() <= '9' && value < 1'000'000'000) {
      value = value * 10 + static_cast<uint64_t>(format_[at_++] - '0');
    }
    return value;
  }

  uint64_t star_or_number(FormatSpec& spec) {
    if (peek() != '*') return number();
    ++at_;
    const Value value = next_value();
    if (!value.is_integer()) {
      rt_.fail("'*' in a '%' format needs an integer");
      return 0;
    }
    if (value.integer() >= 0) return static_cast<uint64_t>(value.integer());
    spec.align = '<';
    return uint64_t{0} - static_cast<uint64_t>(value.integer());
  }

  void flags(FormatSpec& spec) {
    bool zero = false;
    for (;; ++at_) {
      switch (peek()) {
        case '-':
          spec.align = '<';
          continue;
        case '+':
          spec.sign = '+';
          continue;
        case ' ':
          spec.sign = spec.sign == '+' ? '+' : ' ';
          continue;
        case '#':
          spec.alternate = true;
          continue;
        case '0':
          zero = true;
          continue;
        default:
          break;
      }
      break;
    }
    if (spec.align == '\0') spec.align = '>';
    zero_ = zero && spec.align == '>';
  }

  void directive() {
    FormatSpec spec;
    bool named = false;
    Value value;
    if (peek() == '(') {
      const size_t end = format_.find(')', at_);
      if (end == std::string_view::npos || !values_.is_dict()) {
        rt_.fail("'%(name)' in a format needs a mapping");
        return;
      }
      const Value* found = values_.dict().find(format_.substr(at_ + 1, end - at_ - 1));
      if (!found) rt_.fail("the '%' format names a key that is not there");
      if (found) value = *found;
      named = true;
      at_ = end + 1;
    }
    flags(spec);
    spec.width = star_or_number(spec);
    if (peek() == '.') {
      ++at_;
      spec.precision = static_cast<int>(std::min<uint64_t>(star_or_number(spec), 1'000'000));
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    const char type = peek();
    ++at_;
    if (type == '%') {
      out_ += '%';
      return;
    }
    if (!named) value = next_value();
    if (!rt_.failed()) convert(type, value, spec);
  }

  void convert(char type, const Value& value, FormatSpec spec) {
    switch (type) {
      case 's':
      case 'r':
      case 'a': {
        Value text(type == 's' ? rt_.text_of(value) : rt_.repr_of(value));
        out_ += format_value(rt_, text, spec);
        return;
      }
      case 'c':
        if (value.is_string()) spec.precision = 1;
        break;
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) {
          rt_.fail(concat("%", type, " needs a number, not ", value.type_name()));
          return;
        }
        break;
      default:
        rt_.fail(concat("unknown '%' format '", type, "'"));
        return;
    }
    const bool integral = std::string_view("diuxXo").find(type) != std::string_view::npos;
    if (zero_) {
      spec.fill = '0';
      spec.align = spec.align == '<' ? '<' : '=';
    }
    spec.type = type == 'i' || type == 'u' ? 'd' : type == 'c' && value.is_string() ? 's' : type;
    if (integral && value.is_float()) {
      if (!(value.number() > -9.2e18 && value.number() < 9.2e18) || spec.type != 'd') {
        rt_.fail(concat("%", type, " needs an integer"));
        return;
      }
      out_ += format_value(rt_, Value(static_cast<int64_t>(value.number())), spec);
      return;
    }
    const Value plain = value.is_bool() ? Value(value.integer()) : value;
    out_ += format_value(rt_, plain, spec);
  }

  Runtime& rt_;
  std::string_view format_;
  const Value& values_;
  std::string out_;
  size_t at_ = 0;
  size_t next_ = 0;
  bool zero_ = false;
};

}  // namespace

Value percent_format(Runtime& rt, const Value& format, const Value& values) {
  return PercentFormatter(rt, format.text(), values).run(format.string().markup);
}

}  // namespace etb::prompt::jinja

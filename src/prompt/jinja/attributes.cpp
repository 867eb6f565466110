#include "prompt/jinja/attributes.h"

#include <algorithm>
#include <charconv>

#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, const Method& method) : self_(std::move(self)), method_(method) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  Value call(Runtime& rt, const Arguments& arguments) override {
    return call_method(rt, self_, method_, arguments);
  }

 private:
  Value self_;
  const Method& method_;
};

Value bind_method(Runtime& rt, const Value& self, const Method& method, std::string_view name) {
  if (method.changes) {
    return Value::undefined_because(
        concat("'", name, "' would change a ", self.type_name(), ", which templates may not do"));
  }
  return Value(rt.make<BoundMethod>(self, method));
}

// The item under an integer key; undefined beyond the ends.
Value item_at(Runtime& rt, const Value& owner, int64_t index) {
  const bool is_text = owner.is_string();
  const auto length = static_cast<int64_t>(is_text ? owner.string().length : owner.items().size());
  if (index < 0) index += length;
  if (index < 0 || index >= length) {
    return Value::undefined_because(concat(owner.type_name(), " object has no element ", index));
  }
  const auto at = static_cast<size_t>(index);
  if (!is_text) return owner.items()[at];
  const StringRep& text = owner.string();
  if (!text.ascii) rt.spend_bytes(text.text.size());
  const size_t start = text.ascii ? at : byte_offset(text.text, at);
  return rt.string(text.text.substr(start, code_point_at(text.text, start).bytes));
}

bool is_indexable(const Value& value) {
  return value.is_string() || value.is_form(ListForm::List) || value.is_form(ListForm::Tuple) ||
         value.is_form(ListForm::Range);
}

// owner[key] alone, without attributes; null: no such item.
std::optional<Value> plain_item(Runtime& rt, const Value& owner, const Value& key) {
  if (owner.is_dict()) {
    if (!hashable(key, rt.work())) return std::nullopt;
    const Value* found =
        key.is_string() ? owner.dict().find(key.text()) : owner.dict().find(key, rt.work());
    if (!found) return std::nullopt;
    return *found;
  }
  if (is_indexable(owner) && key.is_integer()) return item_at(rt, owner, key.integer());
  return std::nullopt;
}

}  // namespace

const Method* find_method(const Value& self, std::string_view name) {
  std::span<const Method> methods;
  if (self.is_string()) methods = string_methods();
  if (self.is_dict()) methods = dict_methods();
  if (self.is_form(ListForm::List) || self.is_form(ListForm::Tuple)) methods = list_methods();
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [name](const Method& method) { return method.name == name; });
  if (found == methods.end()) return nullptr;
  // A tuple has only what changes nothing.
  if (self.is_form(ListForm::Tuple) && (found->changes || name == "copy")) return nullptr;
  return &*found;
}

Value call_method(Runtime& rt, const Value& self, const Method& method,
                  const Arguments& arguments) {
  if (method.changes) {
    return rt.fail(concat("'", method.name, "' would change a ", self.type_name(),
                          ", which templates may not do"));
  }
  if (!method.apply) {
    return rt.fail(concat("the method '", method.name, "' of ", self.type_name(),
                          " is not supported in chat templates"));
  }
  if (!rt.spend_bytes(self.is_string() ? self.text().size() : 1)) return {};
  return method.apply(rt, self, arguments);
}

Value get_attribute(Runtime& rt, const Value& owner, const Value::StringPtr& name) {
  if (owner.is_undefined()) return rt.fail(owner.undefined_message());
  if (owner.is_object()) {
    Value found = owner.object().attribute(rt, name->text);
    return found.is_undefined() ? Value::undefined_attribute(owner.type_name(), name) : found;
  }
  if (const Method* method = find_method(owner, name->text)) {
    return bind_method(rt, owner, *method, name->text);
  }
  if (owner.is_dict()) {
    if (const Value* found = owner.dict().find(name->text)) return *found;
  }
  return Value::undefined_attribute(owner.type_name(), name);
}

Value get_item(Runtime& rt, const Value& owner, const Value& key) {
  if (owner.is_undefined()) return rt.fail(owner.undefined_message());
  if (std::optional<Value> item = plain_item(rt, owner, key)) return std::move(*item);
  if (key.is_string()) return get_attribute(rt, owner, key.string_ptr());
  return Value::undefined_because(
      concat(owner.type_name(), " object has no element ", to_repr(key, 100)));
}

Value get_path(Runtime& rt, const Value& owner, const Value& path) {
  if (path.is_none()) return owner;
  if (!path.is_string()) return get_item(rt, owner, path);
  Value value = owner;
  std::string_view rest = path.text();
  while (!rt.failed()) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto end = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index =
        end.ec == std::errc() && end.ptr == part.data() + part.size() && part[0] != '-';
    value = get_item(rt, value, is_index ? Value(index) : Value(part));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return value;
}

Value call_value(Runtime& rt, const Value& callee, const Arguments& arguments) {
  if (callee.is_undefined()) return rt.fail(callee.undefined_message());
  if (!callee.is_object() || !callee.object().callable()) {
    return rt.fail(concat("a ", callee.type_name(), " cannot be called"));
  }
  return callee.object().call(rt, arguments);
}

}  // namespace etb::prompt::jinja

namespace etb::prompt {

std::string Object::repr(size_t, Marks) const {
  return concat("<", type_name(), ">");
}

Value Object::attribute(jinja::Runtime&, std::string_view) {
  return {};
}

Value Object::call(jinja::Runtime& runtime, const jinja::Arguments&) {
  return runtime.fail(concat("a ", type_name(), " cannot be called"));
}

}  // namespace etb::prompt

#include "prompt/value.h"

#include <algorithm>

#include "base/text.h"
#include "prompt/object.h"
#include "prompt/unicode.h"

namespace etb::prompt {

StringRep::StringRep(std::string text_in, bool markup_in, MemoryMeter* meter_in)
    : text(std::move(text_in)), markup(markup_in), meter(meter_in) {
  length = count_code_points(text, &ascii);
  if (meter) meter->live += sizeof(StringRep) + text.size();
}

StringRep::~StringRep() {
  if (meter) meter->live -= sizeof(StringRep) + text.size();
}

ListRep::ListRep(std::vector<Value> items_in, ListForm form_in, MemoryMeter* meter_in)
    : items(std::move(items_in)), form(form_in), meter(meter_in) {
  for (const Value& item : items) depth = std::max(depth, item.depth() + 1);
  if (meter) meter->live += sizeof(ListRep) + items.size() * sizeof(Value);
}

ListRep::~ListRep() {
  if (meter) meter->live -= sizeof(ListRep) + items.size() * sizeof(Value);
}

Value::Value(std::string_view text)
    : data_(std::make_shared<const StringRep>(std::string(text), false, nullptr)) {}

Value Value::undefined_name(StringPtr name) {
  Value value;
  value.data_ = UndefinedInfo{std::move(name), {}, false};
  return value;
}

Value Value::undefined_attribute(std::string_view owner_type, StringPtr name) {
  Value value;
  value.data_ = UndefinedInfo{std::move(name), owner_type, false};
  return value;
}

Value Value::undefined_because(std::string_view hint) {
  Value value;
  value.data_ =
      UndefinedInfo{std::make_shared<const StringRep>(std::string(hint), false, nullptr), {}, true};
  return value;
}

Value Value::big_int(std::string digits) {
  Value value;
  value.data_ = BigInt{std::make_shared<const StringRep>(std::move(digits), false, nullptr)};
  return value;
}

Value Value::list(std::vector<Value> items) {
  return Value(std::make_shared<const ListRep>(std::move(items), ListForm::List, nullptr));
}

Value Value::tuple(std::vector<Value> items) {
  return Value(std::make_shared<const ListRep>(std::move(items), ListForm::Tuple, nullptr));
}

Value Value::dict(Dict dict) {
  return Value(DictPtr(std::make_shared<const Dict>(std::move(dict))));
}

const void* Value::identity() const {
  switch (kind()) {
    case Kind::String:
      return string_ptr().get();
    case Kind::List:
      return list_ptr().get();
    case Kind::Dict:
      return std::get<DictPtr>(data_).get();
    case Kind::Object:
      return std::get<Object*>(data_);
    default:
      return nullptr;
  }
}

std::string Value::undefined_message() const {
  const auto* info = std::get_if<UndefinedInfo>(&data_);
  if (!info || !info->name) return "a value is undefined";
  if (info->hint) return info->name->text;
  if (info->owner_type.empty()) return concat("'", info->name->text, "' is undefined");
  return concat("'", info->owner_type, " object' has no attribute '", info->name->text, "'");
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::Undefined:
    case Kind::None:
      return false;
    case Kind::Bool:
      return std::get<bool>(data_);
    case Kind::Int:
      return std::get<int64_t>(data_) != 0;
    case Kind::Float:
      return std::get<double>(data_) != 0;
    case Kind::BigInt:
      return true;
    case Kind::String:
      return !text().empty();
    case Kind::List:
      return list().form == ListForm::Iterator || !items().empty();
    case Kind::Dict:
      return dict().size() != 0;
    case Kind::Object:
      return object().truthy();
  }
  return false;
}

uint32_t Value::depth() const {
  if (is_list()) return list().depth;
  if (is_dict()) return dict().depth();
  return 0;
}

std::string_view Value::type_name() const {
  switch (kind()) {
    case Kind::Undefined:
      return "Undefined";
    case Kind::None:
      return "NoneType";
    case Kind::Bool:
      return "bool";
    case Kind::Int:
    case Kind::BigInt:
      return "int";
    case Kind::Float:
      return "float";
    case Kind::String:
      return "str";
    case Kind::Dict:
      return "dict";
    case Kind::Object:
      return object().type_name();
    case Kind::List:
      break;
  }
  switch (list().form) {
    case ListForm::List:
      return "list";
    case ListForm::Tuple:
      return "tuple";
    case ListForm::Keys:
      return "dict_keys";
    case ListForm::Values:
      return "dict_values";
    case ListForm::Items:
      return "dict_items";
    case ListForm::Range:
      return "range";
    case ListForm::Iterator:
      return "generator";
  }
  return "list";
}

}  // namespace etb::prompt

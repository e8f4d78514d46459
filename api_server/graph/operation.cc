#include "api_server/graph/operation.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace chorus::gateway {

// Each in the file of its name.
std::unique_ptr<Operation> MakeGenerateOperation(const config::v1::Node& node);
std::unique_ptr<Operation> MakeClassifyOperation(const config::v1::Node& node);

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// By the field of chorus.config.v1.Node.
constexpr struct {
  const char* kind;
  std::unique_ptr<Operation> (*make)(const config::v1::Node& node);
} kOperations[] = {
    {"generate", MakeGenerateOperation},
    {"classify", MakeClassifyOperation},
};

}  // namespace

NodeSpec ReadNode(const config::v1::Node& node) {
  NodeSpec spec = {.name = node.name()};
  const FieldDescriptor* kind = node.GetReflection()->GetOneofFieldDescriptor(
      node, node.GetDescriptor()->FindOneofByName("kind"));
  if (kind == nullptr) return spec;
  spec.kind = kind->name();
  for (const auto& operation : kOperations) {
    if (operation.kind == spec.kind) spec.operation = operation.make(node);
  }
  const Message& message = node.GetReflection()->GetMessage(node, kind);
  const Reflection& read = *message.GetReflection();
  const auto field = [&](const char* name) {
    return message.GetDescriptor()->FindFieldByName(name);
  };
  spec.runner = read.GetString(message, field("runner"));
  if (const FieldDescriptor* input = field("input")) {
    spec.input_field = input->name();
    const std::string name = read.GetString(message, input);
    if (!name.empty()) spec.inputs = {name};
  } else if (const FieldDescriptor* inputs = field("inputs")) {
    spec.input_field = inputs->name();
    for (int i = 0; i < read.FieldSize(message, inputs); ++i) {
      spec.inputs.push_back(read.GetRepeatedString(message, inputs, i));
    }
  }
  return spec;
}

std::vector<std::string> NodeKinds() {
  std::vector<std::string> kinds;
  for (const auto& operation : kOperations) kinds.emplace_back(operation.kind);
  return kinds;
}

}  // namespace chorus::gateway

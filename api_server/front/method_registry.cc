#include "api_server/front/method_registry.h"

#include <algorithm>
#include <string>

#include "glog/logging.h"

namespace chorus::gateway {

const MethodRegistry::Method* MethodRegistry::Find(
    const google::protobuf::MethodDescriptor& method) const {
  const auto found = methods_.find(&method);
  return found == methods_.end() ? nullptr : &found->second;
}

void MethodRegistry::AddErased(std::string_view full_name, Method method) {
  method.descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(std::string(full_name));
  CHECK(method.descriptor != nullptr) << full_name << " is in no .proto file";
  CHECK(method.descriptor->input_type() == method.request->GetDescriptor() &&
        method.descriptor->server_streaming() == (method.stream != nullptr) &&
        !method.descriptor->client_streaming())
      << full_name << " is something else in its .proto file";
  const google::protobuf::ServiceDescriptor* service = method.descriptor->service();
  if (std::find(services_.begin(), services_.end(), service) == services_.end()) {
    services_.push_back(service);
  }
  const bool added = methods_.emplace(method.descriptor, std::move(method)).second;
  CHECK(added) << full_name << " was added twice";
}

}  // namespace chorus::gateway

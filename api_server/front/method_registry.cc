#include "api_server/front/method_registry.h"

#include "absl/strings/string_view.h"
#include "base/string_view.h"
#include "glog/logging.h"

namespace chorus {

const MethodRegistry::Method* MethodRegistry::Find(std::string_view full_name) const {
  const auto found = methods_.find(AbslView(full_name));
  return found == methods_.end() ? nullptr : std::get_if<Method>(&found->second);
}

const MethodRegistry::Stream* MethodRegistry::FindStream(std::string_view full_name) const {
  const auto found = methods_.find(AbslView(full_name));
  return found == methods_.end() ? nullptr : std::get_if<Stream>(&found->second);
}

void MethodRegistry::AddErased(std::string full_name, std::variant<Method, Stream> method) {
  const bool added = methods_.emplace(full_name, std::move(method)).second;
  CHECK(added) << full_name << " was added twice";
}

}  // namespace chorus

#include "tests/api_server/transcoding/test_bindings.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {

const HttpBinding& GetTestBinding(std::string_view name) {
  static const auto& kBindings = *new std::vector<HttpBinding>(
      GetHttpBindings(*testing::Everything::descriptor()->file()->service(0)).value());
  for (const HttpBinding& binding : kBindings) {
    if (binding.name() == name) return binding;
  }
  std::fprintf(stderr, "no route %s\n", std::string(name).c_str());
  std::abort();
}

}  // namespace chorus::gateway

#include "base/grpc/log.h"

#include <glog/logging.h>
#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(GrpcLog, SaysOnceWhatComesOverAndOver) {
  FLAGS_logtostderr = true;
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // As gRPC does when it is first used.
  LogGrpcSparingly();
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) gpr_log(GPR_ERROR, "number %d", i);
  gpr_log(GPR_ERROR, "another");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("grpc: number 0\n"));
  EXPECT_THAT(log, Not(HasSubstr("number 1")));
  EXPECT_THAT(log, HasSubstr("grpc: another\n"));
}

}  // namespace
}  // namespace chorus

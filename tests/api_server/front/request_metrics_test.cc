#include "api_server/front/request_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "prometheus/text_serializer.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;

class RequestMetricsTest : public testing::Test {
 protected:
  std::string Text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  prometheus::Registry registry_;
  RequestMetrics metrics_{registry_, "inference_graph", "0.1.0"};
};

constexpr char kLabels[] =
    "{endpoint=\"/x\",http_response_code=\"200\",service_name=\"inference_graph\","
    "service_version=\"0.1.0\"}";

TEST_F(RequestMetricsTest, CountsUnderBentoMlsNamesAndLabels) {
  metrics_.Begin("/x");
  const std::string in_progress =
      "bentoml_api_server_request_in_progress{endpoint=\"/x\",service_name=\"inference_graph\","
      "service_version=\"0.1.0\"} ";
  EXPECT_THAT(Text(), HasSubstr(in_progress + "1\n"));
  metrics_.End("/x", 200, absl::Milliseconds(60));
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr(in_progress + "0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE bentoml_api_server_request_total counter\n"));
  EXPECT_THAT(text, HasSubstr("bentoml_api_server_request_total" + std::string(kLabels) + " 1\n"));
  EXPECT_THAT(text, HasSubstr("bentoml_api_server_request_duration_seconds_count" +
                              std::string(kLabels) + " 1\n"));
  EXPECT_THAT(text, HasSubstr("service_version=\"0.1.0\",le=\"0.075\"} 1\n"));
}

TEST_F(RequestMetricsTest, BoundsReachTheLongestCall) {
  metrics_.End("/x", 200, absl::Milliseconds(60));
  EXPECT_THAT(Text(), HasSubstr("le=\"7.5\"} 1\n"));
  EXPECT_THAT(Text(), HasSubstr("le=\"300\"} 1\n"));
  EXPECT_THAT(Text(), testing::Not(HasSubstr("le=\"600\"")));
  prometheus::Registry registry;
  RequestMetrics patient(registry, "g", "0.1.0", absl::Minutes(20));
  patient.End("/x", 200, absl::Milliseconds(60));
  EXPECT_THAT(prometheus::TextSerializer().Serialize(registry.Collect()),
              HasSubstr("le=\"1800\"} 1\n"));
}

TEST_F(RequestMetricsTest, ReasonsOfRefusalArePresentFromTheStart) {
  EXPECT_THAT(Text(), HasSubstr("chorus_rejected_total{reason=\"draining\"} 0\n"));
  metrics_.CountRejected(Rejection::kAdmission);
  EXPECT_THAT(Text(), HasSubstr("chorus_rejected_total{reason=\"admission\"} 1\n"));
}

}  // namespace
}  // namespace chorus::gateway

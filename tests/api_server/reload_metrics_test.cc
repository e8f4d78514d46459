#include "api_server/reload_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

namespace chorus::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ReloadMetricsTest : public testing::Test {
 protected:
  std::string Scrape() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  prometheus::Registry registry_;
  ReloadMetrics metrics_{registry_};
};

TEST_F(ReloadMetricsTest, AtTheStartTheFilesHaveBeenTaken) {
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("chorus_config_reloads_total{result=\"ok\"} 0\n"),
                              HasSubstr("chorus_config_reloads_total{result=\"error\"} 0\n"),
                              HasSubstr("chorus_config_last_reload_successful 1\n"),
                              HasSubstr("chorus_config_last_reload_success_timestamp_seconds 1")));
}

TEST_F(ReloadMetricsTest, TellWhetherTheLastReloadWentWell) {
  metrics_.CountError();
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("chorus_config_reloads_total{result=\"error\"} 1\n"),
                              HasSubstr("chorus_config_last_reload_successful 0\n"),
                              HasSubstr("chorus_config_waiting 0\n")));
  metrics_.SetWaiting(true);
  EXPECT_THAT(Scrape(), HasSubstr("chorus_config_waiting 1\n"));
  metrics_.CountOk();
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("chorus_config_reloads_total{result=\"ok\"} 1\n"),
                              HasSubstr("chorus_config_reloads_total{result=\"error\"} 1\n"),
                              HasSubstr("chorus_config_last_reload_successful 1\n")));
}

// What is set later is read first, so that no page takes a reload that waited for one that failed.
TEST_F(ReloadMetricsTest, AreReadInTheOrderThatTellsWhatHasBecomeOfAReload) {
  const std::string page = Scrape();
  const size_t counts = page.find("# TYPE chorus_config_reloads_total");
  const size_t waits = page.find("# TYPE chorus_config_waiting");
  const size_t succeeded = page.find("# TYPE chorus_config_last_reload_successful");
  ASSERT_NE(succeeded, std::string::npos);
  EXPECT_LT(counts, waits);
  EXPECT_LT(waits, succeeded);
}

}  // namespace
}  // namespace chorus::gateway

#include "model_store/hub/hub_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

using ::testing::HasSubstr;

class HubEnvironmentTest : public ::testing::Test {
 protected:
  HubEnvironmentTest() { Set({}); }

  void Set(const std::map<std::string, std::string>& variables) {
    for (const char* name : {"HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME",
                             "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HOME"}) {
      const auto it = variables.find(name);
      it == variables.end() ? ::unsetenv(name) : ::setenv(name, it->second.c_str(), 1);
    }
  }

  const TempDirectory temp_;
};

TEST_F(HubEnvironmentTest, HasDefaults) {
  EXPECT_EQ(HubEndpoint(), "https://huggingface.co");
  EXPECT_EQ(*ReadHubToken(), "");
  EXPECT_EQ(CertificatesFile(), "");
  Set({{"HOME", temp_.path()}});
  EXPECT_EQ(*ReadHubToken(), "");
}

TEST_F(HubEnvironmentTest, TakesTheFirstTokenThatIsGiven) {
  PutFile(temp_ / "given", "hf_given\n");
  PutFile(temp_ / "hf/token", "hf_home");
  PutFile(temp_ / ".cache/huggingface/token", "  hf_cached\n");
  std::map<std::string, std::string> variables = {{"HOME", temp_.path()}};
  Set(variables);
  EXPECT_EQ(*ReadHubToken(), "hf_cached");
  variables["HF_HOME"] = temp_ / "hf";
  Set(variables);
  EXPECT_EQ(*ReadHubToken(), "hf_home");
  variables["HF_TOKEN_PATH"] = temp_ / "given";
  Set(variables);
  EXPECT_EQ(*ReadHubToken(), "hf_given");
  variables["HF_TOKEN"] = "hf_direct ";
  Set(variables);
  EXPECT_EQ(*ReadHubToken(), "hf_direct");
}

TEST_F(HubEnvironmentTest, ATokenFileThatIsNamedMustBeThere) {
  Set({{"HF_TOKEN_PATH", temp_ / "absent"}});
  const absl::Status status = ReadHubToken().status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("HF_TOKEN_PATH"));
  PutFile(temp_ / "huge", std::string(100'000, 'x'));
  Set({{"HF_TOKEN_PATH", temp_ / "huge"}});
  EXPECT_FALSE(ReadHubToken().ok());
}

TEST_F(HubEnvironmentTest, KnowsOtherHubsAndCertificates) {
  Set({{"HF_ENDPOINT", "https://mirror"}, {"SSL_CERT_FILE", "/a"}});
  EXPECT_EQ(HubEndpoint(), "https://mirror");
  EXPECT_EQ(CertificatesFile(), "/a");
  Set({{"CURL_CA_BUNDLE", "/b"}, {"SSL_CERT_FILE", "/a"}});
  EXPECT_EQ(CertificatesFile(), "/b");
}

}  // namespace
}  // namespace chorus::store

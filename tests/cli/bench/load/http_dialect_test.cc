#include "cli/bench/load/http_dialect.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace chorus::bench {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Request(const Question& question, const Call& call = {.text = "Once", .seed = 7},
                    const std::string& url = "http://127.0.0.1:3000") {
  return HttpDialect(question, *ServerUrl::Parse(url)).Request(call);
}

Json Body(const std::string& request) {
  return Json::parse(request.substr(request.find("\r\n\r\n") + 4));
}

TEST(HttpDialect, AsksAGraph) {
  const std::string request = Request({.timeout = absl::Seconds(5)});
  EXPECT_THAT(request, StartsWith("POST /v1/graphs/inference_graph:run HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nHost: 127.0.0.1:3000\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nX-Request-Timeout-Ms: 5000\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Length: 24\r\n"));
  EXPECT_EQ(Body(request), Json::parse(R"({"text": "Once", "seed": 7})"));
}

TEST(HttpDialect, AsksModels) {
  Question question{.protocol = Protocol::kSse, .subject = Subject::kGenerator, .name = "gpt2"};
  question.headers = {"X-Team: a"};
  const std::string request = Request(question, {.text = "Once", .output_tokens = 9, .seed = 7});
  EXPECT_THAT(request, StartsWith("POST /v1/models/gpt2:streamGenerate HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAccept: text/event-stream\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nX-Team: a\r\n"));
  EXPECT_EQ(Body(request),
            Json::parse(R"({"text": "Once", "seed": 7, "max_new_tokens": 9, "ignore_eos": true})"));
  const std::string classify =
      Request({.subject = Subject::kClassifier, .name = "bert"}, {.text = "Once"});
  EXPECT_THAT(classify, StartsWith("POST /v1/models/bert:classify HTTP/1.1\r\n"));
  EXPECT_EQ(Body(classify), Json::parse(R"({"texts": ["Once"]})"));
  const std::string embed = Request(
      {.subject = Subject::kEmbedder, .name = "minilm", .parameters = {{"normalize", true}}},
      {.text = "Once", .output_tokens = 9});
  EXPECT_THAT(embed, StartsWith("POST /v1/models/minilm:embed HTTP/1.1\r\n"));
  EXPECT_EQ(Body(embed), Json::parse(R"({"normalize": true, "texts": ["Once"]})"));
}

TEST(HttpDialect, AsksOpenAiServers) {
  Question question{.protocol = Protocol::kOpenAi, .subject = Subject::kGenerator, .name = "gpt2"};
  const Call call{.text = "Once", .output_tokens = 9, .seed = 7};
  setenv("OPENAI_API_KEY", "sk-1", 1);
  const std::string request = Request(question, call);
  unsetenv("OPENAI_API_KEY");
  EXPECT_THAT(request, StartsWith("POST /v1/completions HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer sk-1\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("X-Request-Timeout-Ms")));
  EXPECT_EQ(Body(request), Json::parse(R"({"model": "gpt2", "prompt": "Once", "max_tokens": 9,
      "stream": true, "stream_options": {"include_usage": true}, "seed": 7, "ignore_eos": true})"));
  question.protocol = Protocol::kOpenAiChat;
  const std::string chat = Request(question, call, "http://127.0.0.1:1/openai");
  EXPECT_THAT(chat, StartsWith("POST /openai/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(chat, Not(HasSubstr("Authorization")));
  EXPECT_EQ(Body(chat)["messages"], Json::parse(R"([{"role": "user", "content": "Once"}])"));
}

TEST(HttpDialect, AsksOpenAiServersForWholeReplies) {
  const Question question{.protocol = Protocol::kOpenAi,
                          .subject = Subject::kGenerator,
                          .name = "gpt2",
                          .parameters = {{"stream", false}}};
  const std::string request = Request(question);
  EXPECT_THAT(request, HasSubstr("\r\nAccept: application/json\r\n"));
  EXPECT_EQ(Body(request), Json::parse(R"({"model": "gpt2", "prompt": "Once", "stream": false,
                                           "seed": 7})"));
}

TEST(HttpDialect, ParametersWin) {
  Question question;
  question.parameters = {{"seed", 1}, {"ignore_eos", false}, {"temperature", 0}};
  EXPECT_EQ(Body(Request(question, {.text = "a\xff", .output_tokens = 9, .seed = 7})),
            Json::parse(R"({"text": "a\ufffd", "seed": 1, "ignore_eos": false, "temperature": 0,
                            "max_new_tokens": 9})"));
}

std::string Times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

class ReplyReaderTest : public ::testing::Test {
 protected:
  // What comes of a reply whose body comes in pieces, a second apart.
  CallRecord Read(Protocol protocol, int code, const std::vector<std::string>& pieces) {
    return Read(Question{.protocol = protocol, .name = "gpt2"}, code, pieces);
  }
  CallRecord Read(const Question& question, int code, const std::vector<std::string>& pieces) {
    const HttpDialect dialect(question, *ServerUrl::Parse("http://127.0.0.1:1"));
    ReplyReader reader(dialect);
    CallRecord record;
    reader.Begin(record);
    for (size_t i = 0; i < pieces.size(); ++i) reader.OnBody(code, pieces[i], absl::Seconds(i + 1));
    reader.OnEnd(code);
    return record;
  }
};

TEST_F(ReplyReaderTest, TimesAStreamOfChorus) {
  const CallRecord record = Read(
      Protocol::kSse, 200,
      {"event: token\ndata: {\"index\":1,\"branch\":\"b\",\"text\":\" I\",\"num_tok",
       "ens\":1}\n\n", "event: token\ndata: {\"index\":1,\"branch\":\"b\",\"num_tokens\":2}\n\n",
       "event: score\ndata: {\"index\":1,\"branch\":\"b\",\"score\":0.5}\n\n",
       "event: done\ndata: {\"generated_tokens\":3}\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kOk);
  EXPECT_EQ(record.status, "200");
  ASSERT_EQ(record.texts.size(), 1u);
  EXPECT_EQ(record.texts[0].branch, "b");
  EXPECT_EQ(record.texts[0].first_token, absl::Seconds(2));
  EXPECT_EQ(record.texts[0].last_token, absl::Seconds(3));
  EXPECT_EQ(record.texts[0].scored, absl::Seconds(4));
  EXPECT_EQ(record.num_tokens, 3u);
}

TEST_F(ReplyReaderTest, AnErrorInAStreamIsTheOutcome) {
  const CallRecord record = Read(
      Protocol::kSse, 200,
      {"event: error\ndata: {\"code\":503,\"status\":\"UNAVAILABLE\",\"message\":\"gone\"}\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kRefused);
  EXPECT_EQ(record.status, "503 in a stream");
  EXPECT_EQ(record.message, "gone");
}

TEST_F(ReplyReaderTest, AnErrorInAStreamIsNeverWell) {
  const CallRecord record = Read(Protocol::kSse, 200, {"event: error\ndata: {\"code\":200}\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kFailed);
}

TEST_F(ReplyReaderTest, AStreamThatIsCutHasFailed) {
  const CallRecord record =
      Read(Protocol::kSse, 200, {"event: token\ndata: {\"num_tokens\":1}\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kFailed);
  EXPECT_EQ(record.status, "200, cut");
}

TEST_F(ReplyReaderTest, TimesAStreamOfOpenAi) {
  const CallRecord record =
      Read(Protocol::kOpenAi, 200,
           {"data: {\"choices\":[{\"index\":0,\"text\":\" I\"}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"text\":\" am\"}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"length\"}]}\n\n"
            "data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\ndata: [DONE]\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kOk);
  ASSERT_EQ(record.texts.size(), 1u);
  EXPECT_EQ(record.texts[0].branch, "gpt2");
  EXPECT_EQ(record.texts[0].first_token, absl::Seconds(1));
  EXPECT_EQ(record.texts[0].last_token, absl::Seconds(2));
  EXPECT_EQ(record.num_tokens, 3u);  // As it says, in two pieces.
}

TEST_F(ReplyReaderTest, TimesAChatOfOpenAi) {
  const CallRecord record =
      Read(Protocol::kOpenAiChat, 200,
           {"data: "
            "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"I\"}}]}\n\n",
            "data: "
            "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}"
            "\n\ndata: [DONE]\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kOk);
  ASSERT_EQ(record.texts.size(), 1u);
  EXPECT_EQ(record.texts[0].first_token, absl::Seconds(2));
  EXPECT_EQ(record.num_tokens, 1u);
}

TEST_F(ReplyReaderTest, ATextOfOpenAisThatDoesNotSayWhyItEndsIsCut) {
  const std::string one = "data: {\"choices\":[{\"index\":0,\"text\":\" I\"}]}\n\n";
  const std::string end =
      "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n";
  const std::string other = "data: {\"choices\":[{\"index\":1,\"text\":\" I\"}]}\n\n";
  const std::string done = "data: [DONE]\n\n";
  EXPECT_EQ(Read(Protocol::kOpenAi, 200, {one, end, done}).status, "200");
  EXPECT_EQ(Read(Protocol::kOpenAi, 200, {end, done}).status, "200");
  EXPECT_EQ(Read(Protocol::kOpenAi, 200, {one, done}).status, "200, cut");
  EXPECT_EQ(Read(Protocol::kOpenAi, 200, {one, other, end, done}).status, "200, cut");
  EXPECT_EQ(Read(Protocol::kOpenAi, 200, {one, end}).status, "200, cut");
}

TEST_F(ReplyReaderTest, AnErrorInAStreamOfOpenAiHasFailed) {
  const CallRecord record =
      Read(Protocol::kOpenAi, 200, {"data: {\"error\":{\"message\":\"out of memory\"}}\n\n"});
  EXPECT_EQ(record.outcome, Outcome::kFailed);
  EXPECT_EQ(record.message, "out of memory");
}

TEST_F(ReplyReaderTest, CountsTheTokensAReplyTells) {
  EXPECT_EQ(Read(Protocol::kHttp, 200,
                 {"{\"generated\":\"a\",\"gener",
                  "ated_tokens\":5,"
                  "\"others\":[{\"generated_tokens\":2}]}"})
                .num_tokens,
            7u);
  EXPECT_EQ(Read(Protocol::kHttp, 200,
                 {"{\"results\":[{\"timing\":{\"generated_tokens\":4}},"
                  "{\"generated\":\"a\"}]}"})
                .num_tokens,
            4u);
  EXPECT_EQ(Read(Protocol::kHttp, 200, {"[]"}).outcome, Outcome::kOk);
}

TEST_F(ReplyReaderTest, CountsTheTokensOfAWholeReplyOfOpenAi) {
  const Question question{.protocol = Protocol::kOpenAi, .parameters = {{"stream", false}}};
  const CallRecord record =
      Read(question, 200, {"{\"choices\":[{\"text\":\"a\"}],\"usage\":{\"completion_tokens\":6}}"});
  EXPECT_EQ(record.outcome, Outcome::kOk);
  EXPECT_EQ(record.num_tokens, 6u);
  const CallRecord failed = Read(question, 200, {"{\"error\":{\"message\":\"full\"}}"});
  EXPECT_EQ(failed.outcome, Outcome::kFailed);
  EXPECT_EQ(failed.message, "full");
}

TEST_F(ReplyReaderTest, NoDepthIsTooMuch) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_EQ(Read(Protocol::kHttp, 200, {deep}).outcome, Outcome::kOk);
  EXPECT_EQ(Read(Protocol::kHttp, 500, {"{\"error\":" + deep + "}"}).message, "");
}

TEST_F(ReplyReaderTest, AReplyThatIsNoJsonHasFailed) {
  EXPECT_EQ(Read(Protocol::kHttp, 200, {"<html>"}).status, "200, no JSON");
}

TEST_F(ReplyReaderTest, ErrorsHaveTheServersWords) {
  const CallRecord record = Read(Protocol::kSse, 429, {"{\"error\":{\"message\":\"full\"}}"});
  EXPECT_EQ(record.outcome, Outcome::kRefused);
  EXPECT_EQ(record.status, "429");
  EXPECT_EQ(record.message, "full");
  EXPECT_EQ(Read(Protocol::kHttp, 500, {"oops"}).message, "");
  EXPECT_EQ(Read(Protocol::kHttp, 500, {"{\"error\":\"bad\"}"}).message, "bad");
  EXPECT_EQ(Read(Protocol::kOpenAi, 404, {"{\"object\":\"error\",\"message\":\"none\"}"}).message,
            "none");
  EXPECT_EQ(Read(Protocol::kOpenAi, 404, {"{\"detail\":\"Not Found\"}"}).message, "Not Found");
  EXPECT_EQ(Read(Protocol::kHttp, 500, {"{\"error\":\"a" + Times(200, "\u00E9") + "\"}"}).message,
            "a" + Times(149, "\u00E9"));  // 300 bytes, but no half of a character.
}

}  // namespace
}  // namespace chorus::bench

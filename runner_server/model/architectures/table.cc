#include "runner_server/model/architectures/table.h"

#include "runner_server/tokenizer/load_tokenizer.h"

namespace chorus::runner {
namespace {

// A loader as the table has it.
template <auto kLoad>
absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::filesystem::path& folder) {
  return kLoad(folder);
}

}  // namespace

std::span<const ArchitectureRow> ArchitectureTable() {
  static constexpr ArchitectureRow kTable[] = {
      {"GPT2LMHeadModel", "gpt2", ReadGpt2, Load<LoadByteLevelBpe>},
      {"BertForSequenceClassification", "bert", ReadBert, Load<LoadWordPiece>},
      {"DistilBertForSequenceClassification", "distilbert", ReadDistilBert, Load<LoadWordPiece>},
      {"RobertaForSequenceClassification", "roberta", ReadRoberta, Load<LoadRobertaBpe>},
  };
  return kTable;
}

ClassificationHead ReadClassificationHead(ConfigReader& config) {
  ClassificationHead head = {.labels = config.Labels()};
  if (head.labels.size() == 1) {
    config.Refuse("a classifier must have at least 2 labels", head.labels[0]);
  }
  config.RequireString("problem_type", "single_label_classification");
  return head;
}

}  // namespace chorus::runner

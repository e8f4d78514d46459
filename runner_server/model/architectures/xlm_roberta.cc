// XLM-RoBERTa (Conneau et al., 2019, arXiv:1911.02116), as Hugging Face's
// XLMRobertaForSequenceClassification computes it: RoBERTa with another vocabulary.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadXlmRoberta(ConfigReader& config) {
  return ReadRobertaBody(config, /*vocab_size=*/30522);
}

}  // namespace chorus::runner

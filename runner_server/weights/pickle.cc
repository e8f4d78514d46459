#include "runner_server/weights/pickle.h"

#include <bit>
#include <cstddef>
#include <optional>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/weights/pickle_calls.h"

namespace chorus::runner {
namespace {

// The opcodes, as pickletools names them; those of protocol 2 that such pickles consist of.
enum Opcode : unsigned char {
  kMark = '(',
  kStop = '.',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
};

class Machine {
 public:
  explicit Machine(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<Pickle> Run() {
    if (Take(2) != "\x80\x02") return Broken("it is not of protocol 2");
    while (!stopped_) RETURN_IF_ERROR(Step());
    if (stack_.size() != 1 || !marks_.empty()) return Broken("it leaves more than one value");
    pickle_.root = stack_.back();
    pickle_.size_bytes = at_;
    return std::move(pickle_);
  }

 private:
  absl::Status Broken(std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("not a sound pickle: at byte ", at_, ", ", AbslView(what)));
  }
  absl::Status CutShort() const { return Broken("it is cut short"); }

  // The next `size` bytes; nothing at the end.
  std::optional<std::string_view> Take(size_t size) {
    if (size > bytes_.size() - at_) return std::nullopt;
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  std::optional<uint64_t> TakeNumber(size_t size) {
    const auto piece = Take(size);
    if (!piece) return std::nullopt;
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>((*piece)[i]);
    return value;
  }
  std::optional<std::string_view> TakeLine() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  absl::Status Push(PickleValue value) {
    stack_.push_back(static_cast<PickleId>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
    return absl::OkStatus();
  }
  // How many values there are since the last mark, or the beginning.
  size_t NumFree() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  // Takes the values since the last mark, and the mark; nothing without one.
  std::optional<std::vector<PickleId>> PopToMark() {
    if (marks_.empty()) return std::nullopt;
    std::vector<PickleId> items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()),
                                stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleId> Pop(size_t count) {
    std::vector<PickleId> items(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  template <typename T>
  T* As(PickleId id) {
    return std::get_if<T>(&pickle_.values[id]);
  }

  absl::Status Step() {
    const auto opcode = TakeNumber(1);
    if (!opcode) return CutShort();
    switch (*opcode) {
      case kStop:
        stopped_ = true;
        return absl::OkStatus();
      case kMark:
        marks_.push_back(stack_.size());
        return absl::OkStatus();
      case kNone:
        return Push(std::monostate());
      case kNewTrue:
      case kNewFalse:
        return Push(*opcode == kNewTrue);
      case kBinInt:
      case kBinInt1:
      case kBinInt2:
      case kLong1:
        return Integer(*opcode);
      case kBinFloat: {
        const auto number = TakeNumber(8);  // Big-endian, unlike all others.
        return number ? Push(std::bit_cast<double>(__builtin_bswap64(*number))) : CutShort();
      }
      case kBinUnicode:
      case kShortBinString: {
        const auto size = TakeNumber(*opcode == kBinUnicode ? 4 : 1);
        const auto text = size ? Take(*size) : std::nullopt;
        return text ? Push(*text) : CutShort();
      }
      case kEmptyTuple:
        return Push(PickleTuple());
      case kEmptyList:
        return Push(PickleList());
      case kEmptyDict:
        return Push(PickleDict());
      case kTuple: {
        auto items = PopToMark();
        return items ? Push(PickleTuple{*std::move(items)}) : Broken("a tuple begins nowhere");
      }
      case kTuple1:
      case kTuple2:
      case kTuple3: {
        const size_t count = *opcode - kTuple1 + 1;
        if (NumFree() < count) return Broken("a tuple lacks values");
        return Push(PickleTuple{Pop(count)});
      }
      case kAppend:
      case kAppends:
        return Append(*opcode == kAppends);
      case kSetItem:
      case kSetItems:
        return SetItems(*opcode == kSetItems);
      case kBinPut:
      case kLongBinPut: {
        const auto index = TakeNumber(*opcode == kBinPut ? 1 : 4);
        if (!index) return CutShort();
        if (NumFree() == 0) return Broken("nothing is there to be remembered");
        memo_[*index] = stack_.back();
        return absl::OkStatus();
      }
      case kBinGet:
      case kLongBinGet: {
        const auto index = TakeNumber(*opcode == kBinGet ? 1 : 4);
        if (!index) return CutShort();
        const auto found = memo_.find(*index);
        if (found == memo_.end()) return Broken("what it recalls is not there");
        stack_.push_back(found->second);
        return absl::OkStatus();
      }
      case kGlobal:
        return Global();
      case kBinPersId:
        return Storage();
      case kReduce:
        return Reduce();
      case kBuild:
        return Build();
      default:
        return absl::InvalidArgumentError(absl::StrFormat(
            "the pickle holds more than tensors and containers: opcode 0x%02x at byte %d", *opcode,
            at_ - 1));
    }
  }

  absl::Status Integer(uint64_t opcode) {
    size_t size = opcode == kBinInt ? 4 : opcode == kBinInt2 ? 2 : 1;
    if (opcode == kLong1) {
      const auto long_size = TakeNumber(1);
      if (!long_size) return CutShort();
      size = *long_size;
      if (size > 8) return Broken("a number has more than 64 bits");
    }
    const auto number = TakeNumber(size);
    if (!number) return CutShort();
    const bool is_signed = opcode == kBinInt || opcode == kLong1;
    if (!is_signed || size == 0) return Push(static_cast<int64_t>(*number));
    const int unused_bits = 64 - 8 * static_cast<int>(size);
    return Push(static_cast<int64_t>(*number << unused_bits) >> unused_bits);
  }

  absl::Status Append(bool to_mark) {
    if (!to_mark && NumFree() < 2) return Broken("a list lacks values");
    const auto items = to_mark ? PopToMark() : Pop(1);
    auto* list = items && NumFree() > 0 ? As<PickleList>(stack_.back()) : nullptr;
    if (list == nullptr) return Broken("something is appended to what is no list");
    list->insert(list->end(), items->begin(), items->end());
    return absl::OkStatus();
  }

  absl::Status SetItems(bool to_mark) {
    if (!to_mark && NumFree() < 3) return Broken("a dict lacks values");
    const auto items = to_mark ? PopToMark() : Pop(2);
    auto* dict = items && NumFree() > 0 ? As<PickleDict>(stack_.back()) : nullptr;
    if (dict == nullptr) return Broken("an item is set in what is no dict");
    if (items->size() % 2 != 0) return Broken("a key has no value");
    for (size_t i = 0; i < items->size(); i += 2) {
      dict->emplace_back((*items)[i], (*items)[i + 1]);
    }
    return absl::OkStatus();
  }

  absl::Status Global() {
    const auto module = TakeLine();
    const auto name = module ? TakeLine() : std::nullopt;
    if (!name) return CutShort();
    if (const auto global = FindPickleGlobal(*module, *name)) return Push(*global);
    return absl::InvalidArgumentError(
        absl::StrCat("the pickle holds more than tensors and containers: ", ShownName(*module), ".",
                     ShownName(*name)));
  }

  absl::Status Storage() {
    if (NumFree() < 1) return Broken("a storage lacks its name");
    return PushOr(PersistentValue(pickle_, Pop(1)[0]));
  }

  absl::Status Reduce() {
    if (NumFree() < 2) return Broken("a call lacks values");
    const std::vector<PickleId> call = Pop(2);
    return PushOr(CallResult(pickle_, call[0], call[1]));
  }

  absl::Status PushOr(absl::StatusOr<PickleValue> value) {
    return value.ok() ? Push(*std::move(value)) : Broken(StdView(value.status().message()));
  }

  // Attributes of an ordered dict, which state dicts have, are of no use.
  absl::Status Build() {
    if (NumFree() < 2) return Broken("attributes lack an object");
    Pop(1);
    if (As<PickleDict>(stack_.back()) == nullptr) return Broken("what has attributes is no dict");
    return absl::OkStatus();
  }

  const std::string_view bytes_;
  size_t at_ = 0;
  bool stopped_ = false;
  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;  // The stack's size at each.
  std::unordered_map<uint64_t, PickleId> memo_;
};

}  // namespace

absl::StatusOr<Pickle> ReadPickle(std::string_view bytes) { return Machine(bytes).Run(); }

}  // namespace chorus::runner

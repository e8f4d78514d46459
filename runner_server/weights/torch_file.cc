#include "runner_server/weights/torch_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/weights/pickle.h"
#include "runner_server/weights/pickle_calls.h"
#include "runner_server/weights/zip_archive.h"

namespace chorus::runner {
namespace {

// A state dict takes some 250 bytes a tensor; reading one takes some 50 times its size.
constexpr size_t kMaxPickleBytes = 8 << 20;

// What files of the older format begin with: pickles of a magic number and a version.
constexpr std::string_view kLegacyStart(
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.", 21);

// The bytes of a storage.
using FindStorage = absl::FunctionRef<absl::StatusOr<std::string_view>(const PickledStorage&)>;

absl::Status Bad(std::string_view what, std::string_view name = "") {
  return absl::InvalidArgumentError(
      name.empty() ? std::string(what) : absl::StrCat(ShownName(name), " ", AbslView(what)));
}

absl::StatusOr<Pickle> ReadBoundedPickle(std::string_view bytes) {
  absl::StatusOr<Pickle> pickle = ReadPickle(bytes.substr(0, kMaxPickleBytes));
  if (!pickle.ok() && bytes.size() > kMaxPickleBytes) {
    return absl::InvalidArgumentError(absl::StrCat(pickle.status().message(), " (of more than ",
                                                   kMaxPickleBytes, " bytes none are read)"));
  }
  return pickle;
}

// Bytes of `count` elements; nothing if 64 bits do not hold it.
std::optional<uint64_t> SizeBytes(DType dtype, uint64_t count) {
  uint64_t size;
  if (__builtin_mul_overflow(count, uint64_t{DTypeSizeBytes(dtype)}, &size)) return std::nullopt;
  return size;
}

// The number of elements, and that from the first to behind the last in the storage; nothing if
// 64 bits do not hold them.
struct Span {
  uint64_t num_elements = 1;
  uint64_t reach = 1;
};
std::optional<Span> SpanOf(const std::vector<uint64_t>& shape,
                           const std::vector<uint64_t>& strides) {
  Span span;
  bool is_empty = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    is_empty |= shape[i] == 0;
    uint64_t step;
    if (__builtin_mul_overflow(span.num_elements, std::max<uint64_t>(shape[i], 1),
                               &span.num_elements) ||
        __builtin_mul_overflow(std::max<uint64_t>(shape[i], 1) - 1, strides[i], &step) ||
        __builtin_add_overflow(span.reach, step, &span.reach)) {
      return std::nullopt;
    }
  }
  return is_empty ? Span{0, 0} : span;
}

bool IsRowMajor(const std::vector<uint64_t>& shape, const std::vector<uint64_t>& strides) {
  uint64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

absl::StatusOr<StoredTensor> MakeTensor(std::string_view name, const Pickle& pickle,
                                        const PickledTensor& tensor, FindStorage find) {
  const PickledStorage& storage = *pickle.As<PickledStorage>(tensor.storage);
  StoredTensor stored{.name = std::string(name),
                      .dtype = storage.dtype,
                      .shape = *PickledExtents(pickle, tensor.shape),
                      .strides = *PickledExtents(pickle, tensor.strides)};
  ASSIGN_OR_RETURN(const std::string_view bytes, find(storage));
  const std::optional<Span> span = SpanOf(stored.shape, stored.strides);
  if (!span || tensor.offset > storage.num_elements ||
      span->reach > storage.num_elements - tensor.offset) {
    return Bad("lies outside its storage", name);
  }
  const size_t size = DTypeSizeBytes(storage.dtype);
  stored.data = bytes.substr(tensor.offset * size, span->reach * size);
  if (span->num_elements == 0 || IsRowMajor(stored.shape, stored.strides)) stored.strides.clear();
  return stored;
}

// The tensors of the dict that the pickle is. torch.save writes an expanded tensor with its strides
// of 0, and tied ones once; so a few bytes could stand for any number of elements.
absl::StatusOr<std::vector<StoredTensor>> Tensors(const Pickle& pickle, size_t file_bytes,
                                                  FindStorage find) {
  constexpr uint64_t kMostTimesFile = 16;
  constexpr uint64_t kSpareBytes = 1 << 20;
  const uint64_t most_bytes = kMostTimesFile * file_bytes + kSpareBytes;
  uint64_t bytes = 0;
  std::vector<StoredTensor> tensors;
  std::unordered_set<std::string_view> names;
  if (const auto* dict = pickle.As<PickleDict>(pickle.root)) {
    for (const auto& [key, value] : *dict) {
      const auto* name = pickle.As<std::string_view>(key);
      const auto* tensor = pickle.As<PickledTensor>(value);
      if (name == nullptr || tensor == nullptr) continue;
      if (!names.insert(*name).second) return Bad("is there twice", *name);
      ASSIGN_OR_RETURN(StoredTensor stored, MakeTensor(*name, pickle, *tensor, find));
      const std::optional<uint64_t> size = SizeBytes(stored.dtype, NumElements(stored));
      if (!size || *size > most_bytes - bytes) {
        return Bad(absl::StrCat("is of more elements than its storage holds, and with it the "
                                "tensors take more than ",
                                most_bytes, " bytes, of a file of ", file_bytes),
                   *name);
      }
      bytes += *size;
      tensors.push_back(std::move(stored));
    }
  }
  if (tensors.empty()) return Bad("it holds no tensors by name, as a state dict does");
  return tensors;
}

absl::StatusOr<std::vector<StoredTensor>> FromZip(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto entries, ReadZipArchive(bytes));
  // All lie in one folder, whatever its name.
  constexpr std::string_view kPickle = "data.pkl";
  const auto pickled = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
    return entry.first.ends_with(kPickle) &&
           entry.first.find('/') == entry.first.size() - kPickle.size() - 1;
  });
  if (pickled == entries.end()) return Bad("the archive has no data.pkl, as torch.save's have");
  const std::string folder(pickled->first.substr(0, pickled->first.size() - kPickle.size()));
  const auto order = entries.find(folder + "byteorder");
  if (order != entries.end() && order->second != "little") {
    return Bad("its numbers are of another byte order than this machine's");
  }
  ASSIGN_OR_RETURN(const Pickle pickle, ReadBoundedPickle(pickled->second));
  return Tensors(
      pickle, bytes.size(), [&](const PickledStorage& storage) -> absl::StatusOr<std::string_view> {
        const auto found = entries.find(absl::StrCat(folder, "data/", AbslView(storage.key)));
        if (found == entries.end())
          return Bad("is a storage that the archive does not hold", storage.key);
        if (SizeBytes(storage.dtype, storage.num_elements) != found->second.size()) {
          return Bad("is a storage of another size than the pickle says", storage.key);
        }
        return found->second;
      });
}

// Whether the third pickle, which describes the machine, says that it is like ours.
bool IsLittleEndian(const Pickle& machine) {
  const auto* dict = machine.As<PickleDict>(machine.root);
  return dict != nullptr && std::any_of(dict->begin(), dict->end(), [&](const auto& item) {
           const auto* key = machine.As<std::string_view>(item.first);
           const auto* value = machine.As<bool>(item.second);
           return key != nullptr && *key == "little_endian" && value != nullptr && *value;
         });
}

// By key, the bytes of the storages that follow the pickles, in the order of `keys`: of each the
// number of its elements, which says nothing of their type, and those.
absl::StatusOr<std::map<std::string_view, std::string_view>> LegacyStorages(std::string_view rest,
                                                                            const Pickle& keys,
                                                                            const Pickle& pickle) {
  std::map<std::string_view, PickledStorage> named;
  for (const PickleValue& value : pickle.values) {
    const auto* storage = std::get_if<PickledStorage>(&value);
    if (storage == nullptr) continue;
    const PickledStorage& first = named.emplace(storage->key, *storage).first->second;
    if (first.dtype != storage->dtype || first.num_elements != storage->num_elements) {
      return Bad("is a storage of two types", storage->key);
    }
  }
  std::map<std::string_view, std::string_view> storages;
  const auto* list = keys.As<PickleList>(keys.root);
  if (list == nullptr) return Bad("it does not say which storages follow");
  for (const PickleId id : *list) {
    const auto* key = keys.As<std::string_view>(id);
    const auto storage = key == nullptr ? named.end() : named.find(*key);
    if (storage == named.end()) return Bad("a storage follows that no tensor is in");
    const auto size = SizeBytes(storage->second.dtype, storage->second.num_elements);
    uint64_t count = 0;
    for (size_t i = std::min<size_t>(rest.size(), 8); i-- > 0;) {
      count = count << 8 | static_cast<unsigned char>(rest[i]);
    }
    if (size && rest.size() < *size + 8) {
      return absl::DataLossError(absl::StrCat("the file is cut short: ", rest.size(), " of ",
                                              *size + 8, " bytes of the storage ", ShownName(*key),
                                              " are there; fetch it again"));
    }
    if (rest.size() < 8 || count != storage->second.num_elements || !size ||
        *size > rest.size() - 8) {
      return Bad("is a storage of another size than the pickle says", *key);
    }
    if (!storages.emplace(*key, rest.substr(8, *size)).second) return Bad("is there twice", *key);
    rest.remove_prefix(8 + *size);
  }
  return storages;
}

absl::StatusOr<std::vector<StoredTensor>> FromLegacy(std::string_view bytes) {
  std::string_view rest = bytes.substr(kLegacyStart.size());
  std::vector<Pickle> pickles;  // Of the machine, the dict, and the keys of the storages.
  for (int i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(Pickle pickle, ReadBoundedPickle(rest));
    rest.remove_prefix(pickle.size_bytes);
    pickles.push_back(std::move(pickle));
  }
  if (!IsLittleEndian(pickles[0])) {
    return Bad("its numbers are of another byte order than this machine's");
  }
  ASSIGN_OR_RETURN(const auto storages, LegacyStorages(rest, pickles[2], pickles[1]));
  return Tensors(pickles[1], bytes.size(),
                 [&](const PickledStorage& storage) -> absl::StatusOr<std::string_view> {
                   const auto found = storages.find(storage.key);
                   if (found == storages.end()) {
                     return Bad("is a storage that the file does not hold", storage.key);
                   }
                   return found->second;
                 });
}

}  // namespace

absl::StatusOr<std::vector<StoredTensor>> ReadTorchFile(std::string_view bytes) {
  absl::StatusOr<std::vector<StoredTensor>> tensors =
      bytes.starts_with("PK\x03\x04")   ? FromZip(bytes)
      : bytes.starts_with(kLegacyStart) ? FromLegacy(bytes)
                                        : Bad("not a file that torch.save writes");
  if (tensors.ok()) return tensors;
  if (absl::IsDataLoss(tensors.status())) {
    return absl::InvalidArgumentError(tensors.status().message());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(tensors.status().message(),
                   "; of such files Chorus reads the tensors of a state dict, and nothing that "
                   "could run. If you trust it, load the model with transformers and save it again "
                   "with save_pretrained, which writes model.safetensors"));
}

}  // namespace chorus::runner

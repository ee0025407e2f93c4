#include "tell.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

void tell_options(const Options &options) {
  std::fprintf(stderr, "  %s%s, %zu bytes, vectors of %lld:", options.type->name, options.is_null ? " (NULL)" : "",
               options.size, static_cast<long long>(options.length));
  for (int32_t i = 0; i < options.type->count; i++) {
    const StructMember &member = options.type->members[i];
    std::fprintf(stderr, " %s=", member.name);
    if (member.kind == Kind::number) std::fprintf(stderr, "%.17g", options.get<double>(member));
    if (member.kind == Kind::code) std::fprintf(stderr, "%d", options.get<int32_t>(member));
    if (member.kind == Kind::integer || member.kind == Kind::classes || member.kind == Kind::word)
      std::fprintf(stderr, "%lld", static_cast<long long>(options.get<int64_t>(member)));
    if (member.kind == Kind::vector) {
      const double *const vector = options.get<const double *>(member);
      for (int64_t c = 0; vector != nullptr && c < options.length && c < 16; c++)
        std::fprintf(stderr, "%s%.17g", c == 0 ? "" : ",", vector[c]);
      if (vector == nullptr) std::fprintf(stderr, "NULL");
    }
  }
  std::fprintf(stderr, "\n");
}

void tell_numbers(const char *name, const std::vector<double> &numbers) {
  if (numbers.empty()) return;
  std::fprintf(stderr, "  %s:", name);
  for (size_t i = 0; i < numbers.size() && i < 64; i++) std::fprintf(stderr, " %.17g", numbers[i]);
  std::fprintf(stderr, "%s\n", numbers.size() > 64 ? " ..." : "");
}

void tell_layout(const char *name, const Layout &layout) {
  std::fprintf(stderr, "  %s: strides %lld, %lld, %lld%s\n", name, static_cast<long long>(layout.row),
               static_cast<long long>(layout.by_class), static_cast<long long>(layout.group),
               layout.is_at_end ? "" : ", at the start");
}

}  // namespace

void tell(const char *what, const Options *options, const Problem *problem, const Setting *setting) {
  static const bool is_wanted = std::getenv("TOPKLOSS_FUZZ_TELL") != nullptr;
  if (!is_wanted) return;
  std::fprintf(stderr, "%s\n", what);
  if (options != nullptr) tell_options(*options);
  if (problem != nullptr) {
    std::fprintf(stderr, "  %lld rows of %lld classes, %lld a group, threshold %g\n",
                 static_cast<long long>(problem->shape.rows), static_cast<long long>(problem->shape.classes),
                 static_cast<long long>(problem->shape.rows_per_group), problem->threshold);
    if (problem->spoilt != nullptr)
      std::fprintf(stderr, "  batch.%s: %lld\n", problem->spoilt->name, static_cast<long long>(problem->spoilt_by));
    tell_numbers("logits", problem->logits);
    tell_numbers("multi_label_logits", problem->multi_label_logits);
    tell_numbers("soft_labels", problem->soft_labels);
    tell_numbers("noise", problem->noise);
    tell_numbers("sample_weight", problem->sample_weight);
    tell_numbers("upstream", problem->upstream);
    tell_numbers("labels", {problem->labels.begin(), problem->labels.end()});
  }
  if (setting == nullptr) return;
  std::fprintf(stderr, "  dtype %d, label type %d, in place %d %d, wanted %d %d %d, host %d, threads %d, structs %zu %zu\n",
               setting->dtype, setting->label_type, setting->is_in_place, setting->is_second_in_place,
               setting->wants_gradient, setting->wants_second_gradient, setting->wants_row_values,
               static_cast<int>(setting->host), setting->threads, setting->batch_size, setting->result_size);
  tell_layout("logits", setting->logits);
  tell_layout("multi_label_logits", setting->multi_label_logits);
  tell_layout("soft_labels", setting->soft_labels);
  tell_layout("gradient", setting->gradient);
  tell_layout("multi_label_gradient", setting->multi_label_gradient);
}

#include "structs.hpp"

#include "check.hpp"

namespace {

constexpr Kind NUMBER = Kind::number, INTEGER = Kind::integer, WORD = Kind::word, CODE = Kind::code,
               VECTOR = Kind::vector, CLASSES = Kind::classes, POINTER = Kind::pointer;

#define LOSS_MEMBER(loss, member, kind, enumerators) \
  {#member, offsetof(topkloss_##loss##_options, member), kind, enumerators},
#define STRUCT_MEMBER(type, member, kind, enumerators) {#member, offsetof(topkloss_##type, member), kind, enumerators},
#define LOSS_MEMBERS(loss, ...) const StructMember members_of_##loss[] = {TOPKLOSS_OPTIONS_##loss(LOSS_MEMBER)};
#define STRUCT_MEMBERS(type) const StructMember members_of_##type[] = {TOPKLOSS_MEMBERS_##type(STRUCT_MEMBER)};
TOPKLOSS_LOSSES(LOSS_MEMBERS)
TOPKLOSS_STRUCTS(STRUCT_MEMBERS)

#define LOSS_TYPE(loss, ...)                                                                                     \
  {#loss, sizeof(topkloss_##loss##_options), members_of_##loss, sizeof members_of_##loss / sizeof(StructMember), \
   [](const Library &library, void *options, size_t size) -> topkloss_status {                                   \
     return library.loss##_options_init(static_cast<topkloss_##loss##_options *>(options), size);                \
   },                                                                                                            \
   [](const Library &library, const void *options, topkloss_loss **out) -> topkloss_status {                     \
     return library.loss##_create(static_cast<const topkloss_##loss##_options *>(options), out);                 \
   }},
#define STRUCT_TYPE(type)                                                                               \
  {#type, sizeof(topkloss_##type), members_of_##type, sizeof members_of_##type / sizeof(StructMember),  \
   [](const Library &library, void *options, size_t size) -> topkloss_status {                          \
     return library.type##_init(static_cast<topkloss_##type *>(options), size);                         \
   },                                                                                                   \
   nullptr},

const StructType losses[] = {TOPKLOSS_LOSSES(LOSS_TYPE)};
const StructType structs[] = {TOPKLOSS_STRUCTS(STRUCT_TYPE)};

}  // namespace

int loss_count() { return sizeof losses / sizeof losses[0]; }
const StructType &loss_type(int index) { return losses[index]; }
int struct_count() { return sizeof structs / sizeof structs[0]; }
const StructType &struct_type(int index) { return structs[index]; }

const StructType &struct_named(const char *name) {
  for (const StructType &type : structs)
    if (std::strcmp(type.name, name) == 0) return type;
  REQUIRE(false, "no struct %s", name);
}

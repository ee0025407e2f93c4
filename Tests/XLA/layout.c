/*
 * Whether Sources/CXLA/CXLA.h is what xla/ffi/api/c_api.h is, of the jaxlib that is installed: compiled, never run. Of version
 * 0.3; what older ones had otherwise (a deleter, no stage) is no part of it any more.
 */
#include "../../Sources/CXLA/CXLA.h"
#include "xla/ffi/api/c_api.h"

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is not " #theirs)

#define SAME_MEMBER(ours, our_member, theirs, their_member)                 \
  SAME(offsetof(ours, our_member), offsetof(theirs, their_member));         \
  SAME(sizeof(((ours *)0)->our_member), sizeof(((theirs *)0)->their_member))

SAME(XLA_MAJOR, XLA_FFI_API_MAJOR);
SAME(XLA_NEWEST_MINOR, XLA_FFI_API_MINOR);

SAME(XLA_METADATA_EXTENSION, XLA_FFI_Extension_Metadata);
SAME(XLA_INVALID_ARGUMENT, XLA_FFI_Error_Code_INVALID_ARGUMENT);
SAME(XLA_RESOURCE_EXHAUSTED, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED);
SAME(XLA_FAILED_PRECONDITION, XLA_FFI_Error_Code_FAILED_PRECONDITION);
SAME(XLA_INTERNAL, XLA_FFI_Error_Code_INTERNAL);
SAME(XLA_S32, XLA_FFI_DataType_S32);
SAME(XLA_S64, XLA_FFI_DataType_S64);
SAME(XLA_U32, XLA_FFI_DataType_U32);
SAME(XLA_F16, XLA_FFI_DataType_F16);
SAME(XLA_F32, XLA_FFI_DataType_F32);
SAME(XLA_F64, XLA_FFI_DataType_F64);
SAME(XLA_BF16, XLA_FFI_DataType_BF16);
SAME(XLA_BUFFER, XLA_FFI_ArgType_BUFFER);
SAME(XLA_BUFFER, XLA_FFI_RetType_BUFFER);
SAME(XLA_ARRAY, XLA_FFI_AttrType_ARRAY);
SAME(XLA_SCALAR, XLA_FFI_AttrType_SCALAR);
SAME(XLA_STRING, XLA_FFI_AttrType_STRING);
SAME(XLA_INSTANTIATE, XLA_FFI_ExecutionStage_INSTANTIATE);
SAME(XLA_EXECUTE, XLA_FFI_ExecutionStage_EXECUTE);

SAME(XLA_EXTENSION_SIZE, XLA_FFI_Extension_Base_STRUCT_SIZE);
SAME(XLA_API_VERSION_SIZE, XLA_FFI_Api_Version_STRUCT_SIZE);
SAME(XLA_ERROR_CREATE_SIZE, XLA_FFI_Error_Create_Args_STRUCT_SIZE);
SAME(XLA_ERROR_DESTROY_SIZE, XLA_FFI_Error_Destroy_Args_STRUCT_SIZE);
SAME(XLA_BUFFER_SIZE, XLA_FFI_Buffer_STRUCT_SIZE);
SAME(XLA_ARGUMENTS_SIZE, XLA_FFI_Args_STRUCT_SIZE);
SAME(XLA_ARGUMENTS_SIZE, XLA_FFI_Rets_STRUCT_SIZE);
SAME(XLA_ATTRIBUTES_SIZE, XLA_FFI_Attrs_STRUCT_SIZE);
SAME(XLA_TYPE_INFO_SIZE, XLA_FFI_TypeInfo_STRUCT_SIZE);
SAME(XLA_TYPE_REGISTER_SIZE, XLA_FFI_Type_Register_Args_STRUCT_SIZE);
SAME(XLA_STATE_SIZE, XLA_FFI_State_Set_Args_STRUCT_SIZE);
SAME(XLA_STATE_SIZE, XLA_FFI_State_Get_Args_STRUCT_SIZE);
SAME(XLA_METADATA_SIZE, XLA_FFI_Metadata_STRUCT_SIZE);
SAME(XLA_FRAME_SIZE, XLA_FFI_CallFrame_STRUCT_SIZE);

/* All that is used of XLA's functions, and none of them past its end. */
_Static_assert(XLA_API_STATES_SIZE <= XLA_FFI_Api_STRUCT_SIZE, "xla_api is longer than XLA_FFI_Api");

SAME_MEMBER(xla_extension, type, XLA_FFI_Extension_Base, type);
SAME_MEMBER(xla_extension, next, XLA_FFI_Extension_Base, next);
SAME_MEMBER(xla_api_version, major_version, XLA_FFI_Api_Version, major_version);
SAME_MEMBER(xla_api_version, minor_version, XLA_FFI_Api_Version, minor_version);
SAME_MEMBER(xla_error_create, message, XLA_FFI_Error_Create_Args, message);
SAME_MEMBER(xla_error_create, code, XLA_FFI_Error_Create_Args, errc);
SAME_MEMBER(xla_error_destroy, error, XLA_FFI_Error_Destroy_Args, error);
SAME_MEMBER(xla_buffer, dtype, XLA_FFI_Buffer, dtype);
SAME_MEMBER(xla_buffer, data, XLA_FFI_Buffer, data);
SAME_MEMBER(xla_buffer, rank, XLA_FFI_Buffer, rank);
SAME_MEMBER(xla_buffer, dims, XLA_FFI_Buffer, dims);
SAME_MEMBER(xla_span, start, XLA_FFI_ByteSpan, ptr);
SAME_MEMBER(xla_span, count, XLA_FFI_ByteSpan, len);
SAME_MEMBER(xla_scalar, dtype, XLA_FFI_Scalar, dtype);
SAME_MEMBER(xla_scalar, value, XLA_FFI_Scalar, value);
SAME_MEMBER(xla_array, dtype, XLA_FFI_Array, dtype);
SAME_MEMBER(xla_array, count, XLA_FFI_Array, size);
SAME_MEMBER(xla_array, data, XLA_FFI_Array, data);
SAME_MEMBER(xla_arguments, count, XLA_FFI_Args, size);
SAME_MEMBER(xla_arguments, types, XLA_FFI_Args, types);
SAME_MEMBER(xla_arguments, values, XLA_FFI_Args, args);
SAME_MEMBER(xla_arguments, count, XLA_FFI_Rets, size);
SAME_MEMBER(xla_arguments, types, XLA_FFI_Rets, types);
SAME_MEMBER(xla_arguments, values, XLA_FFI_Rets, rets);
SAME_MEMBER(xla_attributes, count, XLA_FFI_Attrs, size);
SAME_MEMBER(xla_attributes, types, XLA_FFI_Attrs, types);
SAME_MEMBER(xla_attributes, names, XLA_FFI_Attrs, names);
SAME_MEMBER(xla_attributes, values, XLA_FFI_Attrs, attrs);
SAME_MEMBER(xla_type_id, number, XLA_FFI_TypeId, type_id);
SAME_MEMBER(xla_type_info, deleter, XLA_FFI_TypeInfo, deleter);
SAME_MEMBER(xla_type_register, name, XLA_FFI_Type_Register_Args, name);
SAME_MEMBER(xla_type_register, type_id, XLA_FFI_Type_Register_Args, type_id);
SAME_MEMBER(xla_type_register, type_info, XLA_FFI_Type_Register_Args, type_info);
SAME_MEMBER(xla_state, context, XLA_FFI_State_Set_Args, ctx);
SAME_MEMBER(xla_state, stage, XLA_FFI_State_Set_Args, stage);
SAME_MEMBER(xla_state, type_id, XLA_FFI_State_Set_Args, type_id);
SAME_MEMBER(xla_state, state, XLA_FFI_State_Set_Args, state);
SAME_MEMBER(xla_state, context, XLA_FFI_State_Get_Args, ctx);
SAME_MEMBER(xla_state, stage, XLA_FFI_State_Get_Args, stage);
SAME_MEMBER(xla_state, type_id, XLA_FFI_State_Get_Args, type_id);
SAME_MEMBER(xla_state, state, XLA_FFI_State_Get_Args, state);
SAME_MEMBER(xla_metadata, api_version, XLA_FFI_Metadata, api_version);
SAME_MEMBER(xla_metadata, traits, XLA_FFI_Metadata, traits);
SAME_MEMBER(xla_metadata, state_type_id, XLA_FFI_Metadata, state_type_id);
SAME_MEMBER(xla_metadata_extension, metadata, XLA_FFI_Metadata_Extension, metadata);
SAME_MEMBER(xla_api, api_version, XLA_FFI_Api, api_version);
SAME_MEMBER(xla_api, error_create, XLA_FFI_Api, XLA_FFI_Error_Create);
SAME_MEMBER(xla_api, error_destroy, XLA_FFI_Api, XLA_FFI_Error_Destroy);
SAME_MEMBER(xla_api, type_register, XLA_FFI_Api, XLA_FFI_Type_Register);
SAME_MEMBER(xla_api, state_set, XLA_FFI_Api, XLA_FFI_State_Set);
SAME_MEMBER(xla_api, state_get, XLA_FFI_Api, XLA_FFI_State_Get);
SAME_MEMBER(xla_call_frame, extension_start, XLA_FFI_CallFrame, extension_start);
SAME_MEMBER(xla_call_frame, api, XLA_FFI_CallFrame, api);
SAME_MEMBER(xla_call_frame, context, XLA_FFI_CallFrame, ctx);
SAME_MEMBER(xla_call_frame, stage, XLA_FFI_CallFrame, stage);
SAME_MEMBER(xla_call_frame, arguments, XLA_FFI_CallFrame, args);
SAME_MEMBER(xla_call_frame, results, XLA_FFI_CallFrame, rets);
SAME_MEMBER(xla_call_frame, attributes, XLA_FFI_CallFrame, attrs);

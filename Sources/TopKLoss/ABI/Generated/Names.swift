// swift-format-ignore-file
// Generated from topkloss.h by `python -m abi`: change that, not this.

import CTopKLoss

/// Version of the header, and so of the library.
var headerVersion: StaticString { "0.1.0" }

func name(ofStatus status: topkloss_status) -> StaticString {
  switch Int(status) {
  case TOPKLOSS_OK: "TOPKLOSS_OK"
  case TOPKLOSS_ERROR_NULL_POINTER: "TOPKLOSS_ERROR_NULL_POINTER"
  case TOPKLOSS_ERROR_STRUCT_SIZE: "TOPKLOSS_ERROR_STRUCT_SIZE"
  case TOPKLOSS_ERROR_SIZE: "TOPKLOSS_ERROR_SIZE"
  case TOPKLOSS_ERROR_ENUMERATOR: "TOPKLOSS_ERROR_ENUMERATOR"
  case TOPKLOSS_ERROR_OPTION: "TOPKLOSS_ERROR_OPTION"
  case TOPKLOSS_ERROR_CLASS_COUNT: "TOPKLOSS_ERROR_CLASS_COUNT"
  case TOPKLOSS_ERROR_LABEL: "TOPKLOSS_ERROR_LABEL"
  case TOPKLOSS_ERROR_NOT_FINITE: "TOPKLOSS_ERROR_NOT_FINITE"
  case TOPKLOSS_ERROR_ALIASING: "TOPKLOSS_ERROR_ALIASING"
  case TOPKLOSS_ERROR_OUT_OF_MEMORY: "TOPKLOSS_ERROR_OUT_OF_MEMORY"
  case TOPKLOSS_ERROR_EXECUTOR: "TOPKLOSS_ERROR_EXECUTOR"
  default: "unknown status"
  }
}

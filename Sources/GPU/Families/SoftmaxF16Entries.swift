import CDevice

@c(topk_softmax_margin_plain_f16)
public func softmaxMarginPlain(_ call: UnsafePointer<TopkDeviceCall>) {
  simpleSoftmax(call, PlainTransform.self, Float16.self)
}

@c(topk_softmax_margin_offset_f16)
public func softmaxMarginOffset(_ call: UnsafePointer<TopkDeviceCall>) {
  simpleSoftmax(call, OffsetTransform.self, Float16.self)
}

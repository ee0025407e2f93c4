import CDevice

@c(topk_softmax_margin_plain_bf16)
public func softmaxMarginPlain(_ call: UnsafePointer<TopkDeviceCall>) {
  simpleSoftmax(call, PlainTransform.self, BFloat16.self)
}

@c(topk_softmax_margin_offset_bf16)
public func softmaxMarginOffset(_ call: UnsafePointer<TopkDeviceCall>) {
  simpleSoftmax(call, OffsetTransform.self, BFloat16.self)
}

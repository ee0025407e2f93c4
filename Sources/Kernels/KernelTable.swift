import CKernels

// The one symbol that a kernel module exports: its table. Written out, because a C function pointer cannot be made
// from a closure that depends on a generic parameter.

private func makeKernelTable() -> KernelTable {
  KernelTable(
    float32: ArithmeticKernels(
      softmax_margin: { softmaxMargin($0, count: Int($1), FloatLanes.self) },
      softmax_shard: { softmaxShard($0, $1, FloatLanes.self) },
      softmax_complete: { completeSoftmaxShard($0, factor: $1, FloatLanes.self) },
      seesaw_offsets: { seesawOffsets($0.pointee, FloatLanes.self) },
      noised_topk_shard: { noisedTopKShard($0.pointee, $1, FloatLanes.self) },
      noised_topk: { noisedTopK($0.pointee, FloatLanes.self) },
      smooth_topk_svm: { smoothTopKSVM($0.pointee, FloatLanes.self) },
      topk_cross_entropy: { topKCrossEntropy($0.pointee, FloatLanes.self) },
      first_not_finite: { Int64(firstNotFinite($0, Int($1), FloatLanes.self)) },
      classes_before: { Int64(classesBefore($0, Int($1), Int($2), FloatLanes.self)) },
      add_offset: { addOffset($0, $1, $2, Int($3), FloatLanes.self) },
      outlying_mse: { outlyingMSE($0.pointee, FloatLanes.self) },
      binary_cross_entropy: { binaryCrossEntropy($0.pointee, FloatLanes.self) },
      sigmoid_sum: { sigmoidSum($0, Int($1), FloatLanes.self) },
      log_sum_exp: { logSumExp($0, Int($1), $2, FloatLanes.self) },
      best_class: { Int64(bestClass($0, $1, Int($2), FloatLanes.self)) },
      fill: { fill($0, with: FloatLanes.Scalar($1), Int($2), FloatLanes.self) },
      count_digits: { countDigits($0.pointee, $1, $2, FloatLanes.self) },
      score_of_key: { Double(FloatLanes.number(ofKey: $0)) },
      count_ties: { countTies($0.pointee, $1, $2, FloatLanes.self) },
      choose: { choose($0, Int($1), $2, $3, $4, Int($5), FloatLanes.self) }),
    float64: float64Kernels(),
    float16: HalfConversion(
      widen: { widen($0, $1, Int($2), Float16Element.self) },
      narrow: { narrow($0, $1, Int($2), Float16Element.self) }),
    bfloat16: HalfConversion(
      widen: { widen($0, $1, Int($2), BFloat16Element.self) },
      narrow: { narrow($0, $1, Int($2), BFloat16Element.self) }),
    turn: turnKernel(),
    standard_normal: { seed, step, row, sample, classes, noise in
      RowNoise(seed: seed, step: step, row: row)
        .fill(noise, count: Int(classes), sample: Int(sample))
    },
    noised_topk_scratch_bytes: { rank, samples, classes, epsilon in
      Int64(
        noisedTopKScratchBytes(
          rank: Int(rank), samples: Int(samples), classes: Int(classes), epsilon: epsilon))
    },
    smooth_topk_svm_scratch_bytes: {
      Int64(smoothTopKSVMScratchBytes(k: Int($0), classes: Int($1)))
    },
    topk_cross_entropy_scratch_bytes: {
      Int64(TopKCrossEntropyMemory.bytes(classes: Int($0)) ?? -1)
    })
}

private typealias TurnKernel =
  @convention(c) (
    UnsafeRawPointer, Int64, UnsafeMutableRawPointer, Int64, Int64, Int64, Int64
  ) -> Void

#if KERNELS_AVX512
  /// Blocks of eight are what AVX2's vectors hold.
  private func turnKernel() -> TurnKernel { topk_kernels_avx2().turn }

  /// AVX2's: the library stays under 1 MB, and rows of float64 are the rarer ones.
  func float64Kernels() -> ArithmeticKernels { topk_kernels_avx2().float64 }
#else
  private func turnKernel() -> TurnKernel {
    { turn($0, Int($1), $2, Int($3), lines: Int($4), length: Int($5), elementBytes: Int($6)) }
  }

  func float64Kernels() -> ArithmeticKernels {
    ArithmeticKernels(
      softmax_margin: { softmaxMargin($0, count: Int($1), DoubleLanes.self) },
      softmax_shard: { softmaxShard($0, $1, DoubleLanes.self) },
      softmax_complete: { completeSoftmaxShard($0, factor: $1, DoubleLanes.self) },
      seesaw_offsets: { seesawOffsets($0.pointee, DoubleLanes.self) },
      noised_topk_shard: { noisedTopKShard($0.pointee, $1, DoubleLanes.self) },
      noised_topk: { noisedTopK($0.pointee, DoubleLanes.self) },
      smooth_topk_svm: { smoothTopKSVM($0.pointee, DoubleLanes.self) },
      topk_cross_entropy: { topKCrossEntropy($0.pointee, DoubleLanes.self) },
      first_not_finite: { Int64(firstNotFinite($0, Int($1), DoubleLanes.self)) },
      classes_before: { Int64(classesBefore($0, Int($1), Int($2), DoubleLanes.self)) },
      add_offset: { addOffset($0, $1, $2, Int($3), DoubleLanes.self) },
      outlying_mse: { outlyingMSE($0.pointee, DoubleLanes.self) },
      binary_cross_entropy: { binaryCrossEntropy($0.pointee, DoubleLanes.self) },
      sigmoid_sum: { sigmoidSum($0, Int($1), DoubleLanes.self) },
      log_sum_exp: { logSumExp($0, Int($1), $2, DoubleLanes.self) },
      best_class: { Int64(bestClass($0, $1, Int($2), DoubleLanes.self)) },
      fill: { fill($0, with: DoubleLanes.Scalar($1), Int($2), DoubleLanes.self) },
      count_digits: { countDigits($0.pointee, $1, $2, DoubleLanes.self) },
      score_of_key: { Double(DoubleLanes.number(ofKey: $0)) },
      count_ties: { countTies($0.pointee, $1, $2, DoubleLanes.self) },
      choose: { choose($0, Int($1), $2, $3, $4, Int($5), DoubleLanes.self) })
  }
#endif

#if KERNELS_AVX512
  @_cdecl("topk_kernels_avx512")
  public func topkKernelsAVX512() -> KernelTable { makeKernelTable() }
#elseif KERNELS_AVX2
  @_cdecl("topk_kernels_avx2")
  public func topkKernelsAVX2() -> KernelTable { makeKernelTable() }
#else
  @_cdecl("topk_kernels_baseline")
  public func topkKernelsBaseline() -> KernelTable { makeKernelTable() }
#endif

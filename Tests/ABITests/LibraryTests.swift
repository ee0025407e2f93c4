import CTopKLoss
import Testing

@Suite struct `The library says what it is` {
  @Test func `its version is the header's`() {
    #expect(String(cString: topkloss_version()) == TOPKLOSS_VERSION)
    #expect(topkloss_abi_version() == 1)
    #expect(TOPKLOSS_ABI_VERSION == 1)
  }

  @Test func `it comes out of a shared object of its own`() throws {
    // Were its code linked into this program, the tests would not be about the file that is
    // shipped.
    #expect(try libraryFile().hasSuffix("/libtopkloss.so"))
    #expect(try mappedLibraries().count == 1)
  }

  @Test func `the instruction set is one of those that the header lists`() {
    let name = String(cString: topkloss_simd())
    #expect(["avx512", "avx2", "portable"].contains(name))
    #expect(topkloss_simd() == topkloss_simd())
  }

  @Test(
    arguments: [
      (0, "TOPKLOSS_OK"),
      (1, "TOPKLOSS_ERROR_NULL_POINTER"),
      (2, "TOPKLOSS_ERROR_STRUCT_SIZE"),
      (3, "TOPKLOSS_ERROR_SIZE"),
      (4, "TOPKLOSS_ERROR_ENUMERATOR"),
      (5, "TOPKLOSS_ERROR_OPTION"),
      (6, "TOPKLOSS_ERROR_CLASS_COUNT"),
      (7, "TOPKLOSS_ERROR_LABEL"),
      (8, "TOPKLOSS_ERROR_NOT_FINITE"),
      (9, "TOPKLOSS_ERROR_ALIASING"),
      (10, "TOPKLOSS_ERROR_OUT_OF_MEMORY"),
      (11, "TOPKLOSS_ERROR_EXECUTOR"),
      (12, "unknown status"),
      (-1, "unknown status"),
      (Int32.max, "unknown status"),
      (Int32.min, "unknown status"),
    ] as [(topkloss_status, String)])
  func `every status has a name`(status: topkloss_status, name: String) {
    #expect(String(cString: topkloss_status_name(status)) == name)
  }

  @Test func `the header's enumerators have the numbers that callers were compiled with`() {
    let statuses = [
      TOPKLOSS_OK, TOPKLOSS_ERROR_NULL_POINTER, TOPKLOSS_ERROR_STRUCT_SIZE, TOPKLOSS_ERROR_SIZE,
      TOPKLOSS_ERROR_ENUMERATOR, TOPKLOSS_ERROR_OPTION, TOPKLOSS_ERROR_CLASS_COUNT,
      TOPKLOSS_ERROR_LABEL, TOPKLOSS_ERROR_NOT_FINITE, TOPKLOSS_ERROR_ALIASING,
      TOPKLOSS_ERROR_OUT_OF_MEMORY, TOPKLOSS_ERROR_EXECUTOR,
    ]
    #expect(statuses == Array(0...11))
    let types = [TOPKLOSS_FLOAT32, TOPKLOSS_FLOAT64, TOPKLOSS_FLOAT16, TOPKLOSS_BFLOAT16]
    #expect(types == [0, 1, 2, 3])
    #expect(TOPKLOSS_INT64 == 0 && TOPKLOSS_INT32 == 1)
    #expect(TOPKLOSS_MEAN == 0 && TOPKLOSS_SUM == 1 && TOPKLOSS_NONE == 2)
    #expect(TOPKLOSS_MICRO == 0 && TOPKLOSS_MACRO == 1)
    #expect(TOPKLOSS_MONTE_CARLO == 0 && TOPKLOSS_EXACT == 1)
    #expect(TOPKLOSS_ARGMAX == 0 && TOPKLOSS_NEAREST_TEACHER == 1)
    #expect(TOPKLOSS_CLASS_SUM == 0 && TOPKLOSS_CLASS_MEAN == 1)
    #expect(TOPKLOSS_ASSUME_NEGATIVE == 0 && TOPKLOSS_WEAK_ASSUME_NEGATIVE == 1)
    #expect(TOPKLOSS_EXPECTED_POSITIVE == 2)
    #expect(TOPKLOSS_IGNORE_INDEX == -100)
  }

  @Test func `destroying nothing is allowed`() {
    topkloss_loss_destroy(nil)
  }
}

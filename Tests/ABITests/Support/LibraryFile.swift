import Foundation

/// The file that this process has the library's functions from, or why it cannot be told.
func libraryFile() throws -> String {
  guard let entryPoint = dlsym(nil, "topkloss_evaluate") else { throw NoLibrary() }
  for line in try memoryMap() {
    let bounds = line.prefix { $0 != " " }.split(separator: "-").map { UInt($0, radix: 16) }
    guard bounds.count == 2, let start = bounds[0], let end = bounds[1] else { continue }
    if (start..<end).contains(UInt(bitPattern: entryPoint)), let path = path(in: line) {
      return path
    }
  }
  throw NoLibrary()
}

/// The files by the library's name that this process has mapped, each once.
func mappedLibraries() throws -> Set<String> {
  Set(try memoryMap().compactMap(path(in:)).filter { $0.hasSuffix("/libtopkloss.so") })
}

/// No file has the library's functions: they are missing, or linked into this program.
struct NoLibrary: Error, CustomStringConvertible {
  let description = "topkloss_evaluate does not come out of a shared object"
}

private func memoryMap() throws -> [Substring] {
  // The file has no size that could be asked for, so it is read to its end.
  guard let file = FileHandle(forReadingAtPath: "/proc/self/maps") else { throw NoLibrary() }
  return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self).split(separator: "\n")
}

private func path(in line: Substring) -> String? {
  line.firstIndex(of: "/").map { String(line[$0...]) }
}

import CTopKLoss
import Foundation

/// Runs a body while no other test sets the number of threads, which belongs to the whole process;
/// afterwards it is the default again.
///
/// Test targets share a process but no Swift variable, so the lock is one on a file: the library's
/// own.
func withThreadCountAlone<Result>(_ body: () throws -> Result) throws -> Result {
  let file = open(try libraryFile(), O_RDONLY)
  guard file >= 0, flock(file, LOCK_EX) == 0 else { throw NoLibrary() }
  defer {
    topkloss_set_num_threads(0)
    close(file)
  }
  return try body()
}

//! [`Files`]: the descriptor table of a process, over the volume's files.

use crate::fs::File;
use alloc::sync::Arc;

/// The descriptors of one process.
///
/// Owns: one reference to each file per open, which keeps the file open. Lifecycle: made with the first process's console, forked by
/// `try_fork`, kept by exec, dropped at exit, which closes all. Lock: the process's own; closing a file under it may do I/O, and
/// nothing is copied from or to user memory under it.
pub type Files = fl_files::Table<Arc<File>>;

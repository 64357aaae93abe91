//! fork-read: parent and child go on reading at the same place of a file, each by itself.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let bytes = memory::buffer_across_pages(SAMPLE.len);
    let (head, tail) = bytes.split_at_mut(20);
    file::read(fd, head);
    let pid = child::fork(c"child", || {
        file::read(fd, tail);
        SAMPLE.check(20, tail);
        tail.fill(0);
        sys::close(fd);
        7
    });
    child::expect(pid, 7);
    check!(sys::tell(fd) == 20, "the child's reading moved its parent to {}", sys::tell(fd));
    file::read(fd, tail);
    SAMPLE.check(0, bytes);
    0
}

//! `oom-wait [PAGES]`: a child uses so many pages (150), and then waits for a child of its own that uses somewhat fewer. Where there is no memory for both
//! the one that waits is ended, for it is the larger.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, PageAligned, check, println, program, sys};

program!(run);

const MAX: usize = 1024;

static mut MEMORY: PageAligned<[u8; MAX * PAGE]> = PageAligned([0; MAX * PAGE]);

fn run(args: Args) -> i32 {
    let pages = args.value(1, 150usize);
    check!(pages <= MAX, "{pages} pages: must be at most {MAX}");
    let pid = sys::fork(c"large");
    if pid == 0 {
        let memory = (&raw mut MEMORY).cast::<u8>();
        for page in 0..pages {
            // SAFETY: inside the array, of which there is no reference.
            unsafe { memory.add(page * PAGE).write_volatile(1) };
        }
        let small = sys::fork(c"small");
        if small == 0 {
            sys::exec(c"pressure-sweep 120 3 1");
        }
        sys::exit(sys::wait(small));
    }
    println!("the one that waits ends with {}", sys::wait(pid));
    0
}

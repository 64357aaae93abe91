//! write-pages: gives write() a buffer across two pages that nobody touched before: the kernel itself takes both faults.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, PageAligned, check, program, sys};

program!(run);

const MESSAGE: &[u8] = b"write-pages: this line lies in two pages\n";
/// Where the message begins: 20 bytes before the second page.
const START: usize = PAGE - 20;

/// Two pages of data with the message across their boundary.
#[unsafe(link_section = ".data")]
static TEXT: PageAligned<[u8; 2 * PAGE]> = PageAligned({
    let mut pages = [b'.'; 2 * PAGE];
    let mut i = 0;
    while i < MESSAGE.len() {
        pages[START + i] = MESSAGE[i];
        i += 1;
    }
    pages
});

fn run(_: Args) -> i32 {
    let text = &TEXT.0[START..][..MESSAGE.len()];
    let written = sys::write(fl_abi::STDOUT, text);
    check!(written == MESSAGE.len() as i32, "write returned {written}");
    0
}

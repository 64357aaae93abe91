//! `read-lines [ROOM]`: reads the console's input to its end, at most ROOM bytes (256) at a time, and shows what each read() gave.
#![cfg_attr(target_os = "none", no_std, no_main)]

use fl_abi::STDIN;
use userprog::{Args, check, println, program, sys};

program!(run);

fn run(args: Args) -> i32 {
    let mut room = [0; 4096];
    let room = &mut room[..args.value(1, 256usize).min(4096)];
    let (mut lines, mut bytes) = (0, 0);
    loop {
        let got = sys::read(STDIN, room);
        check!((0..=room.len() as i32).contains(&got), "read gives {got}");
        if got == 0 {
            break;
        }
        let text = &room[..got as usize];
        check!(!text[..text.len() - 1].contains(&b'\n'), "read goes on behind the end of a line");
        println!("read-lines: \"{}\"", text.escape_ascii());
        lines += usize::from(text.ends_with(b"\n"));
        bytes += text.len();
    }
    println!("read-lines: {lines} lines of {bytes} bytes");
    0
}

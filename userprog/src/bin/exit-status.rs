//! `exit-status [N]`: ends with status N (57 if none is given) and prints nothing: the kernel's exit line shows it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, program};

program!(run);

fn run(args: Args) -> i32 {
    args.value(1, 57)
}

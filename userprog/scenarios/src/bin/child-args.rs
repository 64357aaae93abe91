//! child-args: prints its arguments: what exec-arg executes.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(arguments);

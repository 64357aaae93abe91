//! args-multiple: prints its arguments: the name and a few words.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(arguments);

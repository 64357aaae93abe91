//! args-single: prints its arguments: the name and one word.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(arguments);

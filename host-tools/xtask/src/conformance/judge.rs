//! Compares what a scenario showed on the console with what it must show.

use std::collections::BTreeSet;

use scenarios::table::{Expect, Scenario};

/// What the console has of one program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown<'a> {
    /// All that stands between its first line and its last.
    Whole(&'a str),
    /// The rest of the console: its last line is missing.
    Cut(&'a str),
    /// It was not begun.
    Nothing,
}

/// Finds what `command` showed.
pub(super) fn shown<'a>(console: &'a str, command: &str) -> Shown<'a> {
    let (begin, end) = (format!("Executing '{command}':\n"), format!("Execution of '{command}' complete.\n"));
    let Some(from) = console.find(&begin).map(|at| at + begin.len()) else { return Shown::Nothing };
    match console[from..].find(&end) {
        Some(len) => Shown::Whole(&console[from..from + len]),
        None => Shown::Cut(&console[from..]),
    }
}

/// What is wrong with it, if anything is, by the table.
pub(super) fn by_table(scenario: &Scenario, shown: Shown<'_>) -> Result<(), String> {
    let name = scenario.name;
    let text = match (shown, scenario.expect) {
        (Shown::Nothing, _) => return Err("was not started".to_owned()),
        // Behind it stands only what the kernel says at its end.
        (Shown::Cut(rest), Expect::PowerOff) if rest.starts_with("Leaks: ") => return Ok(()),
        (Shown::Cut(rest) | Shown::Whole(rest), Expect::PowerOff) => {
            return Err(format!("did not power off: then came {:?}", first_line(rest)));
        }
        (Shown::Cut(_), _) => return Err("did not end".to_owned()),
        (Shown::Whole(text), _) => text,
    };
    let lines: Vec<&str> = text.lines().collect();
    let own = |status: i32| format!("{name}: exit({status})");
    match scenario.expect {
        Expect::Exit(status) => compare(&lines, &[&own(status)]),
        Expect::Killed => compare(&lines, &[scenarios::LAST_WORDS, &own(-1)]),
        Expect::Lines(wanted) => compare(&lines, wanted),
        Expect::Repeated(line, count) => {
            let mut wanted = vec![line.to_owned(); count];
            wanted.push(own(0));
            compare(&lines, &wanted)
        }
        Expect::Among(child, wanted) => {
            let rest: Vec<&str> = lines.into_iter().filter(|line| !is_exit_of(line, child)).collect();
            compare(&rest, wanted)
        }
        Expect::Children(child, count) => {
            let Some((last, children)) = lines.split_last() else { return Err("printed nothing".to_owned()) };
            let wanted: BTreeSet<String> =
                (0..count).map(|status| format!("{child}: exit({status})")).collect();
            let seen: BTreeSet<String> = children.iter().map(|&line| line.to_owned()).collect();
            if let Some(line) = wanted.symmetric_difference(&seen).next() {
                let how = if seen.contains(line) { "is not wanted" } else { "is missing" };
                return Err(format!("the line {line:?} {how}"));
            }
            if children.len() != wanted.len() {
                return Err(format!("{} lines of children instead of {}", children.len(), wanted.len()));
            }
            compare(&[last], &[&own(0)])
        }
        Expect::PowerOff => unreachable!("answered above"),
    }
}

/// The first difference between two lists of lines.
pub(super) fn compare<S: AsRef<str>>(lines: &[&str], wanted: &[S]) -> Result<(), String> {
    for (i, line) in lines.iter().enumerate() {
        match wanted.get(i).map(AsRef::as_ref) {
            Some(wanted) if wanted == *line => {}
            Some(wanted) => return Err(format!("line {} is {line:?}, not {wanted:?}", i + 1)),
            None => return Err(format!("line {} is {line:?}, where nothing should be", i + 1)),
        }
    }
    match wanted.get(lines.len()) {
        Some(missing) => Err(format!("line {} is missing: {:?}", lines.len() + 1, missing.as_ref())),
        None => Ok(()),
    }
}

fn is_exit_of(line: &str, name: &str) -> bool {
    let status = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": exit(")?.strip_suffix(')'));
    status.is_some_and(|status| status.parse::<i32>().is_ok())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use scenarios::table;

    use super::*;

    fn judge(name: &str, text: &str) -> Result<(), String> {
        let scenario = table::all().find(|scenario| scenario.name == name).unwrap();
        by_table(scenario, Shown::Whole(text))
    }

    #[test]
    fn what_a_program_showed_is_found() {
        let console = "Executing 'a':\nx\nExecution of 'a' complete.\nExecuting 'a b':\ny\n";
        assert_eq!(shown(console, "a"), Shown::Whole("x\n"));
        assert_eq!(shown(console, "a b"), Shown::Cut("y\n"));
        assert_eq!(shown(console, "b"), Shown::Nothing);
    }

    #[test]
    fn only_the_very_lines_pass() {
        assert_eq!(judge("exit", "exit: exit(57)\n"), Ok(()));
        for wrong in [
            "",
            "exit: exit(58)\n",
            "exit: exit(57)\nexit: exit(57)\n",
            "x\nexit: exit(57)\n",
            " exit: exit(57)\n",
        ] {
            assert!(judge("exit", wrong).is_err(), "{wrong:?}");
        }
        let scenario = table::all().find(|scenario| scenario.name == "exit").unwrap();
        assert!(by_table(scenario, Shown::Cut("exit: exit(57)\n")).is_err());
        assert!(by_table(scenario, Shown::Nothing).is_err());
    }

    #[test]
    fn a_program_must_be_ended_for_its_mistake_and_not_before() {
        let words = scenarios::LAST_WORDS;
        assert_eq!(judge("mmap-ro", &format!("{words}\nmmap-ro: exit(-1)\n")), Ok(()));
        for wrong in ["mmap-ro: exit(-1)\n", &format!("{words}\nmmap-ro: exit(1)\n")] {
            assert!(judge("mmap-ro", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn children_may_end_in_any_order_but_each_once_and_before_their_parent() {
        let lines = |order: &[i32]| -> String {
            order.iter().map(|i| format!("child-syn-read: exit({i})\n")).collect::<String>()
                + "syn-read: exit(0)\n"
        };
        assert_eq!(judge("syn-read", &lines(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])), Ok(()));
        assert_eq!(judge("syn-read", &lines(&[9, 0, 8, 1, 7, 2, 6, 3, 5, 4])), Ok(()));
        assert!(judge("syn-read", &lines(&[0, 1, 2, 3, 4, 5, 6, 7, 8])).is_err());
        assert!(judge("syn-read", &lines(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9])).is_err());
        assert!(judge("syn-read", &lines(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 10])).is_err());
        assert!(judge("syn-read", "syn-read: exit(0)\n").is_err());
    }

    #[test]
    fn exits_of_children_may_stand_anywhere_but_no_other_line() {
        let good =
            "child: exit(-1)\nchild: exit(12)\n10 rounds went as deep as the first\nmulti-oom: exit(0)\n";
        assert_eq!(judge("multi-oom", good), Ok(()));
        assert!(judge("multi-oom", &format!("child: FAILED: x\n{good}")).is_err());
        assert!(judge("multi-oom", "child: exit(12)\nmulti-oom: exit(0)\n").is_err());
    }

    #[test]
    fn a_machine_that_should_have_powered_off_may_show_nothing_more() {
        let halt = table::all().find(|scenario| scenario.name == "halt").unwrap();
        assert_eq!(by_table(halt, Shown::Cut("Leaks: none (..)\nPowering off...\n")), Ok(()));
        assert!(by_table(halt, Shown::Cut("halt: exit(0)\nLeaks: none (..)\n")).is_err());
        assert!(by_table(halt, Shown::Whole("")).is_err());
    }
}

//! Work on many items with a few threads.

use std::sync::Mutex;
use std::thread;

use crate::Result;

/// Does `work` on each item, `jobs` at once, first come first served; the results in the items' order. After an error no further
/// item is begun.
pub(super) fn map<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let queue = Mutex::new(items.iter().enumerate());
    let worker = || -> Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        loop {
            let next = queue.lock().expect("no worker panics with the queue").next();
            let Some((i, item)) = next else { return Ok(done) };
            match work(item) {
                Ok(result) => done.push((i, result)),
                Err(error) => {
                    queue.lock().expect("no worker panics with the queue").by_ref().for_each(drop);
                    return Err(error);
                }
            }
        }
    };
    let mut results = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.clamp(1, items.len().max(1))).map(|_| scope.spawn(worker)).collect();
        let ends = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ends.collect::<Result<Vec<_>>>()
    })?
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    results.sort_by_key(|&(i, _)| i);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn results_come_in_the_items_order() {
        let items: Vec<u32> = (0..100).collect();
        for jobs in [0, 1, 3, 200] {
            assert_eq!(
                map(&items, jobs, |item| Ok(item * 2)).unwrap(),
                (0..200).step_by(2).collect::<Vec<_>>()
            );
        }
        assert!(map(&[0; 0], 2, |item| Ok(*item)).unwrap().is_empty());
    }

    #[test]
    fn an_error_ends_the_work() {
        let begun = Mutex::new(0);
        let work = |_: &u32| {
            *begun.lock().unwrap() += 1;
            Err::<(), _>(Error::NoRun)
        };
        assert!(map(&[1; 50], 2, work).is_err());
        assert!(*begun.lock().unwrap() <= 2);
    }
}

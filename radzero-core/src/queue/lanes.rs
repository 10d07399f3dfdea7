//! Waiting requests: first come, first served within a lane, and lanes take turns.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// Items by lane and by number. Later items have greater numbers.
pub(super) struct Lanes<T> {
    /// Lanes with items, the next one first.
    turns: VecDeque<u64>,
    items: HashMap<u64, BTreeMap<u64, T>>,
    length: usize,
}

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        Self { turns: VecDeque::new(), items: HashMap::new(), length: 0 }
    }

    pub(super) fn push(&mut self, lane: u64, number: u64, item: T) {
        let items = self.items.entry(lane).or_insert_with(|| {
            self.turns.push_back(lane);
            BTreeMap::new()
        });
        items.insert(number, item);
        self.length += 1;
    }

    /// The next item of the lane whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let lane = self.turns.pop_front()?;
        let items = self.items.get_mut(&lane)?;
        let (_, item) = items.pop_first()?;
        self.length -= 1;
        if items.is_empty() {
            self.items.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        Some(item)
    }

    /// Removes an item, if it is still waiting.
    pub(super) fn remove(&mut self, lane: u64, number: u64) -> Option<T> {
        let items = self.items.get_mut(&lane)?;
        let item = items.remove(&number)?;
        self.length -= 1;
        if items.is_empty() {
            self.items.remove(&lane);
            self.turns.retain(|&other| other != lane);
        }
        Some(item)
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The first item of each lane.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &T> {
        self.items.values().filter_map(|items| items.first_key_value().map(|(_, item)| item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_take_turns_and_each_keeps_its_order() {
        let mut lanes = Lanes::new();
        for (number, lane) in [7, 7, 7, 7, 3, 3, 5].into_iter().enumerate() {
            lanes.push(lane, number as u64, number);
        }
        assert_eq!(lanes.len(), 7);
        assert_eq!(lanes.firsts().sum::<usize>(), 10);
        let order: Vec<usize> = std::iter::from_fn(|| lanes.pop()).collect();
        assert_eq!(order, [0, 4, 6, 1, 5, 2, 3]);
        assert_eq!((lanes.len(), lanes.turns.len(), lanes.items.len()), (0, 0, 0));
    }

    #[test]
    fn removed_items_leave_nothing_behind() {
        let mut lanes = Lanes::new();
        lanes.push(1, 0, "a");
        lanes.push(2, 1, "b");
        lanes.push(2, 2, "c");
        assert_eq!((lanes.remove(1, 0), lanes.remove(1, 0), lanes.remove(2, 9)), (Some("a"), None, None));
        assert_eq!((lanes.remove(2, 1), lanes.len()), (Some("b"), 1));
        assert_eq!((lanes.pop(), lanes.pop(), lanes.turns.len()), (Some("c"), None, 0));
    }
}

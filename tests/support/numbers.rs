//! Damage that is the same in every run.

/// Numbers that are the same in every run (xorshift64, Marsaglia 2003).
pub struct Numbers(u64);

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers(0x9e37_79b9_7f4a_7c15)
    }
}

impl Numbers {
    /// From 0 to `n - 1`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    /// Changes one to four things: a byte becomes another, goes, or comes; the rest is cut off, or said twice. `telling` are bytes
    /// that mean something to the reader: they are drawn more often than others.
    pub fn damage(&mut self, wire: &mut Vec<u8>, telling: &[u8]) {
        for _ in 0..=self.below(4) {
            if wire.is_empty() {
                return;
            }
            let (at, byte) = (self.below(wire.len()), telling[self.below(telling.len())]);
            match self.below(6) {
                0 => wire.truncate(at + 1),
                1 => wire.insert(at, byte),
                2 => drop(wire.remove(at)),
                3 => wire[at] = byte,
                4 => wire[at] = self.below(256) as u8,
                _ => wire.extend_from_within(at..),
            }
        }
    }
}

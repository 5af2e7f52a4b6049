//! explain
/// Explains.
pub fn explain(_packet: &[u8]) -> String {
    String::new()
}

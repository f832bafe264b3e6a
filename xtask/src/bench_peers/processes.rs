//! Which processes belong to which, as Linux tells.

use std::fs;

/// The process and all below it.
pub(super) fn tree(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect();
    below(root, &parents)
}

fn below(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// The fourth field of `/proc/<pid>/stat`; the second is a name in parentheses that may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_children_and_theirs() {
        assert_eq!(below(7, &[(1, 0), (7, 1), (8, 7), (9, 8), (10, 1)]), [7, 8, 9]);
        assert_eq!(parent("8 (a) b) S 7 8 8 0"), Some(7));
        assert!(tree(std::process::id()).contains(&std::process::id()));
    }
}

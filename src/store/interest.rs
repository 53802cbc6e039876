//! Which changes a `data.on` handler wants to hear of (pure).

use super::key::Key;

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It did not exist before.
    Created,
    /// It was written again and differs.
    Updated,
    /// It was removed, or swept after its ttl.
    Deleted,
}

impl ChangeKind {
    /// All three, in the order of the published package.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// The event's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// One call of `data.on`: per event name at most one filter, the last one given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    specs: Vec<String>,
    filters: [Option<Filter>; 3],
}

/// Which keys a specifier lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    /// All.
    Any,
    /// Simple keys that match.
    Simple(String),
    /// Collection keys whose namespace and rest match.
    Collection(String, String),
}

/// A specifier with an unknown event name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid event name: {0}")]
pub struct InvalidEventName(pub String);

impl Registration {
    /// Reads the specifiers of one `data.on` call: `name[:first[:rest]]` each.
    ///
    /// # Errors
    /// On the first event name that is none of `created`, `updated`, `deleted` and `*`.
    pub fn parse<'a>(specs: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidEventName> {
        let mut registration = Self::default();
        for spec in specs {
            registration.specs.push(spec.to_owned());
            let (name, filter) = spec.split_once(':').unwrap_or((spec, ""));
            let filter = Filter::parse(filter);
            let known = ChangeKind::ALL.map(|kind| name == "*" || name == kind.name());
            if !known.contains(&true) {
                return Err(InvalidEventName(name.to_owned()));
            }
            for (slot, _) in registration
                .filters
                .iter_mut()
                .zip(known)
                .filter(|(_, on)| *on)
            {
                *slot = Some(filter.clone());
            }
        }
        Ok(registration)
    }

    /// The specifiers it was made from.
    pub fn specs(&self) -> &[String] {
        &self.specs
    }

    /// Whether changes of this kind are wanted at all.
    pub fn hears(&self, kind: ChangeKind) -> bool {
        self.filters.get(kind as usize).is_some_and(Option::is_some)
    }

    /// Whether a change of this kind to the item with this key (as it is shown) is wanted.
    pub fn matches(&self, kind: ChangeKind, key: &Key) -> bool {
        let filter = self.filters.get(kind as usize).and_then(Option::as_ref);
        filter.is_some_and(|filter| filter.matches(key))
    }
}

impl Filter {
    fn parse(text: &str) -> Self {
        match text.split_once(':') {
            None if text.is_empty() => Self::Any,
            None => Self::Simple(text.to_owned()),
            Some((first, rest)) => Self::Collection(first.to_owned(), rest.to_owned()),
        }
    }

    fn matches(&self, key: &Key) -> bool {
        match self {
            Self::Any => true,
            Self::Simple(pattern) => key.is_simple() && glob(pattern, key.namespace()),
            Self::Collection(first, rest) => {
                !key.is_simple() && glob(first, key.namespace()) && glob(rest, key.rest())
            }
        }
    }
}

/// A trailing `*` matches any ending; elsewhere it is a plain character.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(specs: &[&str], kind: ChangeKind) -> String {
        let registration = Registration::parse(specs.iter().copied()).expect("known names");
        ["foo", "users:jane", "n:a:b"]
            .iter()
            .map(|key| registration.matches(kind, &Key::parse(key).expect("a key")))
            .map(|yes| if yes { 'y' } else { '-' })
            .collect()
    }

    #[test]
    fn specifiers_filter_as_the_table_says() {
        let created = |spec: &str| matching(&[spec], ChangeKind::Created);
        assert_eq!(created("created"), "yyy");
        assert_eq!(created("created:"), "yyy");
        assert_eq!(created("created:*"), "y--");
        assert_eq!(created("created:*:*"), "-yy");
        assert_eq!(created("created:fo*"), "y--");
        assert_eq!(created("created:us*:j*"), "-y-");
        assert_eq!(created("created:n:a:b"), "--y");
        assert_eq!(created("created:users"), "---");
        assert_eq!(created("updated"), "---");
        assert_eq!(created("*"), "yyy");
    }

    #[test]
    fn the_last_specifier_of_a_name_survives() {
        let specs = ["*", "created:foo"];
        assert_eq!(matching(&specs, ChangeKind::Created), "y--");
        assert_eq!(matching(&specs, ChangeKind::Deleted), "yyy");
        assert_eq!(matching(&["created:foo", "*"], ChangeKind::Created), "yyy");
        assert_eq!(matching(&[], ChangeKind::Created), "---");
    }

    #[test]
    fn unknown_names_are_refused() {
        for (spec, name) in [("nope", "nope"), ("nope:x", "nope"), ("", "")] {
            let error = Registration::parse([spec]).expect_err("refused");
            assert_eq!(error.to_string(), format!("Invalid event name: {name}"));
        }
    }
}

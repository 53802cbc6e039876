//! Which connections a verb means.

use serde::{Deserialize, Serialize};

use super::ConnectionId;

/// The connections that `send` or `close` is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selector {
    /// A connection id or a unique prefix of one.
    Id(String),
    /// Each live connection.
    All,
    /// Connections whose query parameter `key` is `value`.
    Where {
        /// Name of the query parameter.
        key: String,
        /// Its value, compared exactly.
        value: String,
    },
}

/// Why a selector chose nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Nothing live has that id or prefix.
    #[error("no connection has the id `{0}`")]
    Unknown(String),
    /// Several do.
    #[error("`{prefix}` is the beginning of {} connection ids: {}", matches.len(), list(matches))]
    Ambiguous {
        /// The prefix as given.
        prefix: String,
        /// Everything it could mean.
        matches: Vec<ConnectionId>,
    },
}

fn list(ids: &[ConnectionId]) -> String {
    let names: Vec<&str> = ids.iter().map(ConnectionId::as_str).collect();
    names.join(", ")
}

impl Selector {
    /// Reads `key=value`, the argument of `--where`.
    pub fn parse_where(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self::Where {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err(format!("`{text}` is not of the form key=value")),
        }
    }

    /// The chosen ones of `live`, in that order. `query` looks up a connection's query parameter.
    pub fn choose<'a, T>(
        &self,
        live: &'a [T],
        id: impl Fn(&T) -> ConnectionId,
        query: impl Fn(&T, &str) -> Option<String>,
    ) -> Result<Vec<&'a T>, SelectError> {
        match self {
            Self::All => Ok(live.iter().collect()),
            Self::Where { key, value } => {
                let matches = |c: &&T| query(c, key).as_deref() == Some(value);
                Ok(live.iter().filter(matches).collect())
            }
            Self::Id(text) => choose_by_prefix(text, live, id),
        }
    }
}

fn choose_by_prefix<'a, T>(
    text: &str,
    live: &'a [T],
    id: impl Fn(&T) -> ConnectionId,
) -> Result<Vec<&'a T>, SelectError> {
    let unknown = || SelectError::Unknown(text.to_owned());
    if text.is_empty() {
        return Err(unknown());
    }
    let matches: Vec<&T> = live
        .iter()
        .filter(|c| id(c).as_str().starts_with(text))
        .collect();
    match matches.len() {
        0 => Err(unknown()),
        1 => Ok(matches),
        _ => Err(SelectError::Ambiguous {
            prefix: text.to_owned(),
            matches: matches.into_iter().map(&id).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ConnectionId {
        text.parse().unwrap()
    }

    fn live() -> Vec<(ConnectionId, &'static str)> {
        vec![
            (id("abcAAAAAAAAAAAA="), "ana"),
            (id("abdAAAAAAAAAAAA="), "ben"),
            (id("xAAAAAAAAAAAAAA="), "ana"),
        ]
    }

    fn choose(selector: &Selector) -> Result<Vec<&'static str>, SelectError> {
        let live = live();
        let query = |c: &(ConnectionId, &str), key: &str| (key == "name").then(|| c.1.to_owned());
        let chosen = selector.choose(&live, |c| c.0, query)?;
        Ok(chosen.into_iter().map(|c| c.1).collect())
    }

    #[test]
    fn a_unique_prefix_means_its_connection_and_an_ambiguous_one_lists_them() {
        assert_eq!(choose(&Selector::Id("abc".into())), Ok(vec!["ana"]));
        assert_eq!(
            choose(&Selector::Id("xAAAAAAAAAAAAAA=".into())),
            Ok(vec!["ana"])
        );
        let error = choose(&Selector::Id("ab".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`ab` is the beginning of 2 connection ids: abcAAAAAAAAAAAA=, abdAAAAAAAAAAAA="
        );
        assert_eq!(
            choose(&Selector::Id("zz".into())),
            Err(SelectError::Unknown("zz".into()))
        );
        assert_eq!(
            choose(&Selector::Id(String::new())),
            Err(SelectError::Unknown(String::new()))
        );
    }

    #[test]
    fn where_compares_a_query_parameter_and_all_means_all() {
        assert_eq!(
            choose(&Selector::parse_where("name=ana").unwrap()),
            Ok(vec!["ana", "ana"])
        );
        assert_eq!(
            choose(&Selector::parse_where("other=ana").unwrap()),
            Ok(vec![])
        );
        assert_eq!(choose(&Selector::All).unwrap().len(), 3);
        assert!(Selector::parse_where("name").is_err());
    }
}

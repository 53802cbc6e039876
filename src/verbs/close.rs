//! `close`: ends connections.

use super::{Context, print};
use crate::cli::CloseArgs;
use crate::domain::Selector;
use crate::error::{Failure, exit};
use crate::ops::Request;
use crate::output::answers;

pub(super) async fn close(context: &Context<'_>, args: CloseArgs) -> Result<u8, Failure> {
    let selectors = match (args.all, args.filter) {
        (true, _) => vec![Selector::All],
        (false, Some(filter)) => vec![filter],
        (false, None) => args.ids.into_iter().map(Selector::Id).collect(),
    };
    if selectors.is_empty() {
        return Err(Failure::usage("which connections?").hint(
            "name connection ids or the beginnings of some, or use --all or --where key=value;\n\
             `list` shows the connections",
        ));
    }
    let answer = context
        .sandbox
        .perform(Request::Close { selectors })
        .await?;
    print(context.out, answer, answers::closed)?;
    Ok(exit::OK)
}

//! `close`: ends connections.

use super::{Context, print};
use crate::cli::CloseArgs;
use crate::domain::Selector;
use crate::error::{Failure, exit};
use crate::ops::Request;
use crate::output::answers;

pub(super) async fn close(context: &Context<'_>, args: CloseArgs) -> Result<u8, Failure> {
    let selectors = selectors(args)?;
    let answer = context
        .sandbox
        .perform(Request::Close { selectors })
        .await?;
    print(context.out, answer, answers::closed)?;
    Ok(exit::OK)
}

/// Which connections are meant; somebody must have said so.
pub(super) fn selectors(args: CloseArgs) -> Result<Vec<Selector>, Failure> {
    let selectors: Vec<Selector> = match (args.all, args.filter) {
        (true, _) => vec![Selector::All],
        (false, Some(filter)) => vec![filter],
        (false, None) => {
            let ids = args.first.into_iter().chain(args.more);
            ids.map(super::by_id).collect::<Result<_, _>>()?
        }
    };
    if selectors.is_empty() {
        return Err(Failure::usage("which connections?").hint(
            "name connection ids or the beginnings of some, or use --all or --where key=value;\n\
             `list` shows the connections",
        ));
    }
    Ok(selectors)
}
